import type { ApplicationCredential } from './application-credential.model.ts';
import type { RoleTarget } from './assignment.model.ts';
import type { Assertion } from './federation.model.ts';
import type { AccessToken } from './oauth1.model.ts';
import type { Project } from './project.model.ts';
import type { TokenRole } from './token.model.ts';
import type { Trust } from './trust.model.ts';
import type { UserAccount } from './user.model.ts';

/** Whom a token speaks for, and with which roles, as the directory has it. */
export interface TokenSubject {
  /** The trustor where a trust impersonates. */
  readonly user: UserAccount;
  readonly project: Project | null;
  /** Null for an unscoped token. */
  readonly target: RoleTarget | null;
  readonly roles: readonly TokenRole[];
  readonly trust: Trust | null;
  readonly credential: ApplicationCredential | null;
  /** From whom the user came, and with which groups. */
  readonly assertion: Assertion | null;
  /** When a membership that roles come from ends by itself. */
  readonly untilMs: number;
  readonly accessToken: Omit<AccessToken, 'secret'> | null;
}

/** A subject as a process remembers it. */
export interface KnownSubject {
  readonly generation: number;
  readonly subject: TokenSubject;
  /** What every token of it shows of it, in JSON. */
  readonly shown: string;
}
