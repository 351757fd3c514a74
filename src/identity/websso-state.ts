import type { ProtocolNamed } from './federation-protocol.ts';
import type { IdentityWorld } from './identity.world.ts';
import type { LogInAttempt } from './oidc.model.ts';
import { boxOpen, boxSeal } from './secret-box.ts';

/** How long somebody may take to log in at the provider. */
export const stateLifeMs = 600_000;
const textLengthMax = 4_000;
/** In front, so that it passes neither for a token, which begins with its layout, nor for a receipt, which does with a brace. */
const mark = '~';

/** What a browser that is sent to a provider carries as a cookie: who comes back without it is another browser. */
export interface WebssoState {
  readonly named: ProtocolNamed;
  readonly issuer: string;
  readonly attempt: LogInAttempt;
  /** The dashboard that gets the token. */
  readonly origin: string;
  readonly expiresAtMs: number;
}

/** Sealed: the browser cannot read what proves to the provider that it was us. */
export function stateSeal({ tokenKeys, ids, clock }: IdentityWorld, state: WebssoState): string {
  const [key] = tokenKeys;
  if (key === undefined) throw new Error('there is no key to seal the state of a log-in with');
  const sealing = { nowMs: clock.now(), iv: ids.secret(16) };
  return boxSeal(key, Buffer.from(mark + JSON.stringify(state)), sealing);
}

/** Null for what is none of ours, or too old. */
export function stateOpen({ tokenKeys, clock }: IdentityWorld, sealed: string): WebssoState | null {
  const bytes = sealed.length > textLengthMax ? null : boxOpen(tokenKeys, sealed);
  const text = bytes?.toString() ?? '';
  if (!text.startsWith(mark)) return null;
  const state = JSON.parse(text.slice(mark.length)) as WebssoState;
  return state.expiresAtMs <= clock.now() ? null : state;
}
