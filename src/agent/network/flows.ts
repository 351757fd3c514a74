/** Connections that the kernel tracks in a namespace: read, judged by whoever knows the rules, and cut. */
import { commandRun } from '../command.ts';
import { inNamespace } from './kernel-state.ts';

export interface Flow {
  /** IANA's number. */
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  /** Whence and whither answers go: other than above where addresses are translated. */
  readonly replySource: string;
  readonly replyDestination: string;
  readonly destinationPort: number | null;
  readonly icmp: { readonly type: number; readonly code: number } | null;
  /** As `conntrack` wants to read it. */
  readonly text: string;
}

const protocolNumbers: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
};

export async function flowsRead(namespace: string): Promise<Flow[]> {
  const text = await commandRun(inNamespace(namespace, ['conntrack', '-L', '-o', 'save']));
  return text.split('\n').flatMap(flowParse);
}

/** One line of `conntrack -o save`; empty for what is none. */
export function flowParse(line: string): [Flow] | [] {
  if (!line.startsWith('-A ')) return [];
  const words = line.split(/\s+/);
  const after = (option: string): string | null => {
    const at = words.indexOf(option);
    return at === -1 ? null : (words[at + 1] ?? null);
  };
  const number = (option: string): number | null => {
    const value = after(option);
    return value === null ? null : Number(value);
  };
  const protocol = after('-p') ?? '';
  const icmp = protocol === 'icmpv6' ? '--icmpv6' : '--icmp';
  const type = number(`${icmp}-type`);
  return [
    {
      protocol: protocolNumbers[protocol] ?? Number(protocol),
      source: after('-s') ?? '',
      destination: after('-d') ?? '',
      replySource: after('-r') ?? '',
      replyDestination: after('-q') ?? '',
      destinationPort: number('--dport'),
      icmp: type === null ? null : { type, code: number(`${icmp}-code`) ?? 0 },
      // Time-out and state may be others by the time it is cut.
      text: line.replace('-A ', '').replaceAll(/(?:^| )(?:-t|-u|--state) \S+/g, ''),
    },
  ];
}

export async function flowsCut(namespace: string, flows: readonly Flow[]): Promise<void> {
  if (flows.length === 0) return;
  const input = flows.map(({ text }) => `-D ${text.trim()}\n`).join('');
  // One that ended by itself meanwhile is no failure.
  await commandRun(inNamespace(namespace, ['conntrack', '-R', '-']), { input }).catch(() => {});
}
