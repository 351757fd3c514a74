import { readFileSync } from 'node:fs';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { OidcUnavailable } from '../../identity/oidc.model.ts';
import type { OidcOptions } from './options.ts';
import { providerAsk } from './provider-request.ts';

const documentFreshMs = 3_600_000;

export type Keys = ReturnType<typeof createLocalJWKSet>;

/** Something of the provider's, and when it was read; who asks at one time waits for one answer. */
export class Kept<Value> {
  readonly #read: () => Promise<Value>;
  readonly #now: () => number;
  #held: { readonly value: Value; readonly atMs: number } | null = null;
  #reading: Promise<Value> | null = null;

  constructor(read: () => Promise<Value>, now: () => number) {
    this.#read = read;
    this.#now = now;
  }

  isOlder(freshMs: number): boolean {
    return this.#held === null || this.#now() - this.#held.atMs >= freshMs;
  }

  async get(freshMs: number): Promise<Value> {
    if (this.#held !== null && !this.isOlder(freshMs)) return this.#held.value;
    this.#reading ??= this.#read()
      .then((value) => {
        this.#held = { value, atMs: this.#now() };
        return value;
      })
      .finally(() => {
        this.#reading = null;
      });
    return await this.#reading;
  }
}

/** A provider as it describes itself. */
export interface Described {
  readonly options: OidcOptions;
  readonly now: () => number;
  readonly keys: Kept<Keys>;
  readonly document: () => Promise<Record<string, unknown>>;
}

/** Nothing is asked before it is needed. */
export function providerDescribed(options: OidcOptions, now: () => number): Described {
  const kept = new Kept(() => documentRead(options), now);
  const document = () => kept.get(documentFreshMs);
  const keys = new Kept(async () => await keysRead(options, await document()), now);
  return { options, now, keys, document };
}

/** Read anew each time: certificates are replaced while the cloud runs. */
export function caOf({ cacertfile = '' }: OidcOptions): string | null {
  if (cacertfile === '') return null;
  try {
    return readFileSync(cacertfile, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new OidcUnavailable(`the CA ${cacertfile} cannot be read (${code})`, { cause: error });
  }
}

async function documentRead(options: OidcOptions): Promise<Record<string, unknown>> {
  const url = `${options.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = await providerAsk({ url, ca: caOf(options) });
  // OpenID Connect Discovery 4.3: another issuer there is a mix-up.
  if (document['issuer'] === options.issuer) return document;
  throw new OidcUnavailable(`${url} is the configuration of another issuer`);
}

export function addressIn(document: Record<string, unknown>, name: string): string {
  const address = document[name];
  if (typeof address === 'string') return address;
  throw new OidcUnavailable(`the configuration of the provider has no ${name}`);
}

async function keysRead(options: OidcOptions, document: Record<string, unknown>): Promise<Keys> {
  const url = addressIn(document, 'jwks_uri');
  const keys: unknown = await providerAsk({ url, ca: caOf(options) });
  try {
    return createLocalJWKSet(keys as JSONWebKeySet);
  } catch (error) {
    throw new OidcUnavailable(`${url} has no set of keys`, { cause: error });
  }
}
