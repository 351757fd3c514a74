import type { Actor } from '../kernel/policy.ts';
import type { CatalogOwner } from './catalog.ts';
import type { AccessRule } from './application-credential.model.ts';

/** The position of a method is its bit in the token: append only. */
export const authMethods = [
  'password',
  'token',
  'application_credential',
  'totp',
  'external',
  'oauth1',
  'mapped',
  'ec2credential',
  'openid',
] as const;
export type AuthMethod = (typeof authMethods)[number];

export type TokenScope =
  | { readonly kind: 'project' | 'domain'; readonly id: string }
  | { readonly kind: 'system' | 'unscoped' };

/** What a token says of itself; everything else is looked up. */
export interface TokenClaims {
  readonly methods: readonly AuthMethod[];
  readonly userId: string;
  readonly scope: TokenScope;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Its own id, and that of the first token of its chain where it was made from another. */
  readonly auditIds: readonly string[];
  readonly trustId: string | null;
  readonly applicationCredentialId: string | null;
  /** OAuth1: what the token was made from. */
  readonly accessTokenId: string | null;
  /** What an identity provider said of the user who came from it. */
  readonly assertionId: string | null;
}

export interface TokenRole {
  readonly id: string;
  readonly name: string;
}

/** What a token is worth in one generation of the directory. */
export interface TokenState {
  readonly generation: number;
  /** When something it rests on ends by itself. */
  readonly untilMs: number;
  readonly claims: TokenClaims;
  readonly actor: Actor;
  /** By service type, where roles are bound to one: see service-role.ts. */
  readonly serviceActors: ReadonlyMap<string, Actor>;
  readonly roles: readonly TokenRole[];
  /** What an application credential bounds its tokens to; empty: nothing but the roles. */
  readonly accessRules: readonly AccessRule[];
  /** The answer to a validation, but for the catalog, which many tokens share. */
  readonly head: string;
  /** Whose catalog follows; null for none. */
  readonly catalog: CatalogOwner | null;
}
