/** An OpenID provider whose tokens open this cloud, as the operator's file names it. */
export interface OidcProvider {
  readonly issuer: string;
  /** It is asked about each token; otherwise a token shows by its signature and claims that it is good. */
  readonly isAsked: boolean;
  /** The claim that names who it is where a mapping does not. */
  readonly remoteUserClaim: string;
  /** What a token that is good now says. A provider that cannot be asked throws `OidcUnavailable`. */
  tokenRead(token: string): Promise<OidcClaims | { readonly why: string }>;
}

export interface OidcClaims {
  readonly claims: Readonly<Record<string, unknown>>;
}

/** The message says why, in words for the operator, without a secret. */
export class OidcUnavailable extends Error {
  override readonly name = 'OidcUnavailable';
}
