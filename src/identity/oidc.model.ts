/** An OpenID provider whose tokens open this cloud, as the operator's file names it. */
export interface OidcProvider {
  readonly issuer: string;
  /** It is asked about each token; otherwise a token shows by its signature and claims that it is good. */
  readonly isAsked: boolean;
  /** The claim that names who it is where a mapping does not. */
  readonly remoteUserClaim: string;
  /** What a token that is good now says. A provider that cannot be asked throws `OidcUnavailable`. */
  tokenRead(token: string): Promise<OidcClaims | OidcRefusal>;
  /** Null: this cloud is no client of it, so browsers cannot log in there. */
  readonly browser: OidcBrowser | null;
}

/** The log-in of a browser at a provider: OpenID Connect Core 3.1, with RFC 7636 and RFC 9207. */
export interface OidcBrowser {
  /** Where the browser is sent. */
  logInUrl(attempt: LogInAttempt): Promise<string>;
  /** What the provider says of who logged in there; it takes a code once. */
  codeRedeem(returned: LogInReturn, attempt: LogInAttempt): Promise<OidcClaims | OidcRefusal>;
}

/** One attempt of one browser. */
export interface LogInAttempt {
  /** What the browser brings back. */
  readonly state: string;
  /** What the ID token must name. */
  readonly nonce: string;
  /** Without it nobody else can redeem the code. */
  readonly verifier: string;
  readonly redirectUri: string;
}

export interface LogInReturn {
  readonly code: string;
  /** The provider that sent the browser back, where it says so. */
  readonly issuer: string | null;
}

export interface OidcClaims {
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface OidcRefusal {
  readonly why: string;
}

/** The message says why, in words for the operator, without a secret. */
export class OidcUnavailable extends Error {
  override readonly name = 'OidcUnavailable';
}
