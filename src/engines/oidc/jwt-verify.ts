import { errors, jwtVerify, type JWTPayload } from 'jose';
import type { OidcRefusal } from '../../identity/oidc.model.ts';
import { oidcAlgorithms } from './options.ts';
import type { Described, Keys } from './provider-document.ts';

const keysFreshMs = 600_000;
/** A token with an unknown key may make us look again, but not more often than this. */
const keysAgainMs = 30_000;
export const clockToleranceSec = 30;

/** What a JWT is for. */
export interface JwtUse {
  readonly name: string;
  readonly audience: readonly string[];
  /** In lower case; a token that does not say its type is taken. */
  readonly types: ReadonlySet<string>;
}

/** The claims of a JWT that the provider has signed for this use, while it is good. */
export async function tokenVerify(
  provider: Described,
  token: string,
  use: JwtUse,
): Promise<{ readonly claims: JWTPayload } | OidcRefusal> {
  const { keys } = provider;
  try {
    try {
      return await verified(provider, await keys.get(keysFreshMs), { token, use });
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !keys.isOlder(keysAgainMs)) throw error;
      return await verified(provider, await keys.get(0), { token, use });
    }
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    return { why: `the ${use.name} is refused: ${error.message}` };
  }
}

async function verified(
  { options, now }: Described,
  keys: Keys,
  { token, use }: { readonly token: string; readonly use: JwtUse },
): Promise<{ readonly claims: JWTPayload } | OidcRefusal> {
  const rules = {
    issuer: options.issuer,
    audience: [...use.audience],
    algorithms: [...(options.algorithms ?? oidcAlgorithms)],
    requiredClaims: ['exp'],
    clockTolerance: clockToleranceSec,
    currentDate: new Date(now()),
  };
  const checked = ({
    payload,
    protectedHeader: { typ },
  }: {
    payload: JWTPayload;
    protectedHeader: { typ?: string };
  }) =>
    typ === undefined || use.types.has(typ.toLowerCase())
      ? { claims: payload }
      : { why: `the ${use.name} is refused: it is a JWT for something else` };
  try {
    return checked(await jwtVerify(token, keys, rules));
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    // The token does not say which key it was; one of them has signed, or none.
    for await (const key of error) {
      try {
        return checked(await jwtVerify(token, key, rules));
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}
