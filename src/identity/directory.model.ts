/** A company's own directory of people, read and never written: what identity asks of it. */
export interface Directory {
  /**
   * Proves who someone is. Every refusal comes back as a reason for the audit trail; only a directory that cannot be
   * asked throws.
   */
  logIn(who: DirectoryLogInName, password: string): Promise<DirectoryLogIn>;
  /** False: nobody but a user who logs in may read it, so lists show those who have. */
  isReadable(): Promise<boolean>;
  userFind(name: string): Promise<DirectoryUser | null>;
  userGet(localId: string): Promise<DirectoryUser | null>;
  groupFind(name: string): Promise<DirectoryGroup | null>;
  groupGet(localId: string): Promise<DirectoryGroup | null>;
  /** Page by page. */
  userPages(): AsyncIterable<readonly DirectoryUser[]>;
  groupPages(): AsyncIterable<readonly DirectoryGroup[]>;
  /** Groups that contain other groups contain their members. */
  groupsOf(user: DirectoryUser): Promise<readonly DirectoryGroup[]>;
  membersOf(group: DirectoryGroup): Promise<readonly DirectoryUser[]>;
  close(): Promise<void>;
}

export type DirectoryLogInName = { readonly name: string } | { readonly localId: string };

export type DirectoryLogIn =
  | { readonly user: DirectoryUser; readonly groups: readonly DirectoryGroup[] }
  | { readonly why: string; readonly localId: string | null };

interface DirectoryThing {
  /** What never changes of it: `objectGUID`, `entryUUID`, or the attribute that was configured. */
  readonly localId: string;
  /** Where it is in the directory now. */
  readonly dn: string;
  readonly name: string;
  readonly description: string;
  readonly extra: Readonly<Record<string, unknown>>;
}

export interface DirectoryUser extends DirectoryThing {
  readonly isEnabled: boolean;
  readonly defaultProjectId: string | null;
}

export type DirectoryGroup = DirectoryThing;

/** Options by Keystone's names, from `welkin.toml` or from the configuration of a domain. */
export type DirectoryOptions = Readonly<Record<string, unknown>>;

/** Throws `DirectoryUnavailable` where the options cannot be used. */
export type DirectoryOpen = (options: DirectoryOptions) => Directory;

/** The directory cannot be asked now; the message says why, in words for the operator, without a secret. */
export class DirectoryUnavailable extends Error {
  override readonly name = 'DirectoryUnavailable';
}
