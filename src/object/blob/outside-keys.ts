import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Ids } from '../../kernel/ids.ts';

const idDigits = 32;
const markDigits = 16;

/**
 * Names of bytes in another store, where others may keep theirs too: each ends with a mark that only who has this store's
 * secret can make. What has none is not this store's to remove.
 */
export class OutsideKeys {
  readonly #secret: Buffer;
  readonly #ids: Ids;

  constructor(secret: Buffer, ids: Ids) {
    this.#secret = secret;
    this.#ids = ids;
  }

  make(): string {
    const id = this.#ids.uuid().replaceAll('-', '');
    return id + this.#markOf(id);
  }

  isOwn(key: string): boolean {
    if (!/^[0-9a-f]+$/.test(key) || key.length !== idDigits + markDigits) return false;
    const mark = this.#markOf(key.slice(0, idDigits));
    return timingSafeEqual(Buffer.from(mark), Buffer.from(key.slice(idDigits)));
  }

  #markOf(id: string): string {
    const mac = createHmac('sha256', this.#secret).update(`bytes outside: ${id}`);
    return mac.digest('hex').slice(0, markDigits);
  }
}
