/** The DNS of a tenant network: its own names at once, the others from the host's resolvers. */
import type { Socket } from 'node:net';
import type { NetworkWanted } from '../../api.ts';
import { dnsAnswer } from './dns-answer.ts';
import { frame, framed, type DnsForward } from './dns-forward.ts';
import { dnsCodes, dnsQuestionDecode, dnsReplyEncode } from './dns-message.ts';

const idleMs = 10_000;

/** Null: silence, for what is no question. */
export async function dnsResolve(
  network: NetworkWanted | null,
  query: Uint8Array,
  forward: (query: Uint8Array) => ReturnType<DnsForward['ask']>,
): Promise<Uint8Array | null> {
  const question = dnsQuestionDecode(query);
  if (network === null || question === null) return null;
  const own = dnsAnswer(network, question);
  if (own !== null) return dnsReplyEncode(question, own);
  const answer = question.recursionDesired ? await forward(query) : null;
  const failed = { code: dnsCodes.serverFailure, authoritative: false, records: [] };
  return answer ?? dnsReplyEncode(question, failed);
}

/** One question after the other on a connection: the next is read when the last is answered. */
export function dnsConnectionServe(
  socket: Socket,
  resolve: (query: Uint8Array) => Promise<Uint8Array | null>,
): void {
  let received: Buffer = Buffer.alloc(0);
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    socket.pause();
    void answerAll().then(
      () => socket.resume(),
      () => socket.destroy(),
    );
  });

  async function answerAll(): Promise<void> {
    for (let query = framed(received); query !== null; query = framed(received)) {
      received = received.subarray(2 + query.length);
      const answer = await resolve(query);
      if (answer === null) throw new Error('not a question');
      if (!socket.destroyed) socket.write(frame(answer));
    }
  }
}
