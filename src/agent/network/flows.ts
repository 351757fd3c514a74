/** Connections that the kernel tracks in a namespace: read, and changed by whoever knows the rules. */
import { commandRun } from '../command.ts';
import { addressCanonical } from './addresses.ts';
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
  readonly mark: number;
}

export async function flowsRead(namespace: string): Promise<Flow[]> {
  const text = await commandRun(inNamespace(namespace, ['conntrack', '-L', '-o', 'extended']));
  return text.split('\n').flatMap(flowParse);
}

/** One line of `conntrack -L -o extended`; empty for what is none. */
export function flowParse(line: string): [Flow] | [] {
  const protocol = /^ipv[46]\s+\d+\s+\S+\s+(\d+)\s/.exec(line)?.[1];
  if (protocol === undefined) return [];
  // Of each name the first is of the packets that began it, the second of the answers.
  const all = (name: string): string[] =>
    [...line.matchAll(new RegExp(`\\b${name}=(\\S+)`, 'g'))].map((match) => match[1] ?? '');
  const number = (name: string): number | null => {
    const [first] = all(name);
    return first === undefined ? null : Number(first);
  };
  const [source, replySource] = all('src').map(addressCanonical);
  const [destination, replyDestination] = all('dst').map(addressCanonical);
  if (source === undefined || destination === undefined) return [];
  const type = number('type');
  return [
    {
      protocol: Number(protocol),
      source,
      destination,
      replySource: replySource ?? destination,
      replyDestination: replyDestination ?? source,
      destinationPort: number('dport'),
      icmp: type === null ? null : { type, code: number('code') ?? 0 },
      mark: number('mark') ?? 0,
    },
  ];
}

export async function flowsMark(
  namespace: string,
  flows: readonly Flow[],
  mark: number,
): Promise<void> {
  await flowsChange(namespace, flows, (flow) => `-U ${filterText(flow)} --mark ${mark}`);
}

export async function flowsDelete(namespace: string, flows: readonly Flow[]): Promise<void> {
  await flowsChange(
    namespace,
    flows,
    (flow) => `-D ${filterText(flow)} -r ${flow.replySource} -q ${flow.replyDestination}`,
  );
}

/** Lines that match nothing any more are no failure: a connection may have ended by itself. */
async function flowsChange(
  namespace: string,
  flows: readonly Flow[],
  line: (flow: Flow) => string,
): Promise<void> {
  if (flows.length === 0) return;
  // The source port is in no rule, so connections that differ in it alone are one line.
  const lines = new Set(flows.map(line));
  // It opens `/dev/stdin` by name, which works for a pipe but not for the socket that Node gives a child.
  await commandRun(inNamespace(namespace, ['sh', '-c', 'cat | conntrack -R -']), {
    input: `${[...lines].join('\n')}\n`,
    timeoutMs: 120_000,
  });
}

function filterText({ protocol, source, destination, destinationPort, icmp }: Flow): string {
  const name = protocol === 1 ? 'icmp' : protocol === 58 ? 'icmpv6' : String(protocol);
  const port = destinationPort === null ? '' : ` --dport ${destinationPort}`;
  const type = icmp === null ? '' : ` --${name}-type ${icmp.type} --${name}-code ${icmp.code}`;
  return `-p ${name} -s ${source} -d ${destination}${port}${type}`;
}
