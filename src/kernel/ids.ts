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

export const randomIds: Ids = {
  uuid: () => randomUUIDv7(),
  hex: () => randomBytes(16).toString('hex'),
  secret: (length) => randomBytes(length),
};

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
export const isUuid = (text: string): boolean => uuidPattern.test(text);
