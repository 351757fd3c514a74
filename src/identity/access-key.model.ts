import type { TokenClaims, TokenState } from './token.model.ts';

/** A key pair of EC2 and S3, and what whoever signs with it may do now. */
export interface AccessKey {
  readonly secret: string;
  /** As if logged in with the key at the moment it was looked up. */
  readonly claims: TokenClaims;
  /** When what the key was bound to ends; infinite for most. */
  readonly endsAtMs: number;
  readonly state: TokenState;
}
