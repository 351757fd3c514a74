import { randomBytes, randomUUIDv7 } from 'node:crypto';

/** An id that the compiler does not let pass for another kind's. */
export type Id<Kind extends string> = string & { readonly __kind?: Kind };

export interface Ids {
  /** UUIDv7 for what there are millions of (servers, ports, images): cheap to insert into an index. */
  uuid(): string;
  /** 32 hex digits, as Keystone makes its ids. */
  hex(): string;
  /** Unguessable bytes for secrets. */
  secret(length: number): Buffer;
}

const poolBytes = 4096;
let pool: Buffer = Buffer.alloc(0);

/** Random bytes are drawn for many ids at once: a call for each costs more than the rest of it. */
function poolTake(length: number): Buffer {
  if (pool.length < length) pool = randomBytes(poolBytes);
  const taken = pool.subarray(0, length);
  pool = pool.subarray(length);
  return taken;
}

export const randomIds: Ids = {
  uuid: () => randomUUIDv7(),
  hex: () => poolTake(16).toString('hex'),
  secret: (length) => (length > 64 ? randomBytes(length) : Buffer.from(poolTake(length))),
};

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
export const isUuid = (text: string): boolean => uuidPattern.test(text);
