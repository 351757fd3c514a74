/** DNS on the wire (RFC 1035), as much as a server of A, AAAA and PTR records needs. */
import { addressNumber } from '../addresses.ts';

export interface DnsQuestion {
  readonly id: number;
  readonly recursionDesired: boolean;
  /** Lower case, without the last dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The question as it came: the answer repeats it, letter case included. */
  readonly raw: Uint8Array;
}

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'PTR'; readonly name: string };

export const dnsTypes = { A: 1, PTR: 12, AAAA: 28, ANY: 255 } as const;
export const dnsCodes = {
  ok: 0,
  badFormat: 1,
  serverFailure: 2,
  noSuchName: 3,
  refused: 5,
} as const;

const headerLength = 12;
const nameLengthMax = 255;

/** Null for what is no query with exactly one question. */
export function dnsQuestionDecode(bytes: Uint8Array): DnsQuestion | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < headerLength || view.readUInt16BE(4) !== 1) return null;
  const flags = view.readUInt16BE(2);
  const isQuery = (flags & 0xf800) === 0;
  if (!isQuery) return null;
  const labels: string[] = [];
  let at = headerLength;
  for (;;) {
    const length = view[at];
    // A pointer has nothing to point at in a question.
    if (length === undefined || length > 63 || at - headerLength > nameLengthMax) return null;
    at += 1;
    if (length === 0) break;
    if (at + length > view.length) return null;
    labels.push(view.toString('latin1', at, at + length).toLowerCase());
    at += length;
  }
  if (at + 4 > view.length) return null;
  return {
    id: view.readUInt16BE(0),
    recursionDesired: (flags & 0x0100) !== 0,
    name: labels.join('.'),
    type: view.readUInt16BE(at),
    class: view.readUInt16BE(at + 2),
    raw: view.subarray(headerLength, at + 4),
  };
}

export interface DnsReply {
  readonly code: number;
  readonly authoritative: boolean;
  readonly records: readonly DnsRecord[];
}

const ttlSec = 60;

export function dnsReplyEncode(question: DnsQuestion, reply: DnsReply): Uint8Array {
  const header = Buffer.alloc(headerLength);
  header.writeUInt16BE(question.id, 0);
  const flags =
    0x8080 |
    (reply.authoritative ? 0x0400 : 0) |
    (question.recursionDesired ? 0x0100 : 0) |
    reply.code;
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(reply.records.length, 6);
  return Buffer.concat([header, question.raw, ...reply.records.map(recordEncode)]);
}

function recordEncode(record: DnsRecord): Uint8Array {
  const value = record.type === 'PTR' ? nameEncode(record.name) : addressEncode(record);
  const head = Buffer.alloc(12);
  // The name is that of the question, right behind the header.
  head.writeUInt16BE(0xc000 | headerLength, 0);
  head.writeUInt16BE(dnsTypes[record.type], 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttlSec, 6);
  head.writeUInt16BE(value.length, 10);
  return Buffer.concat([head, value]);
}

function nameEncode(name: string): Uint8Array {
  const labels = name.split('.').filter(Boolean);
  const parts = labels.map((label) => {
    const bytes = Buffer.from(label, 'latin1').subarray(0, 63);
    return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
  });
  return Buffer.concat([...parts, Uint8Array.of(0)]);
}

function addressEncode({ type, address }: { type: 'A' | 'AAAA'; address: string }): Uint8Array {
  const length = type === 'A' ? 4 : 16;
  return Buffer.from(
    addressNumber(address)
      .toString(16)
      .padStart(2 * length, '0'),
    'hex',
  );
}
