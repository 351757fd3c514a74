import type { AccessKey } from './access-key.model.ts';
import type { KnownCredential } from './application-credential.model.ts';
import type { Suspect } from './back-off.model.ts';
import { Gate } from './gate.ts';
import type { Revocation } from './revocation.model.ts';
import type { Snapshot } from './snapshot.model.ts';
import type { TokenState } from './token.model.ts';
import type { TokenClaims } from './token.model.ts';
import type { KnownSubject } from './token-subject.model.ts';

const tokenLimit = 100_000;
const accessKeyLimit = 20_000;
const credentialLimit = 10_000;
const passcodeLimit = 10_000;
const nonceLimit = 50_000;
const returnLimit = 10_000;
const suspectLimit = 10_000;
const subjectLimit = 10_000;
const verifiedLimit = 10_000;
const sweepEveryMs = 600_000;

/** A map that forgets what was put into it first: enough for what can be found again at will. */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get = (key: Key): Value | undefined => this.#entries.get(key);

  set(key: Key, value: Value): void {
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#limit) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  delete = (key: Key): boolean => this.#entries.delete(key);
}

/** What a process remembers of the directory. All of it can be lost: the database knows it too. */
export class IdentityMemory {
  readonly tokens = new BoundedMap<string, TokenState>(tokenLimit);
  /** What the database said of whom claims are about: tokens of one user and scope share it. */
  readonly subjects = new BoundedMap<string, KnownSubject>(subjectLimit);
  /** By id, with their users. */
  readonly credentials = new BoundedMap<string, KnownCredential>(credentialLimit);
  readonly accessKeys = new BoundedMap<string, AccessKey>(accessKeyLimit);
  /** One-time passwords that were used, by credential and time. */
  readonly passcodes = new BoundedMap<string, true>(passcodeLimit);
  /** Requests signed with OAuth1 that came already; their times are minutes old at most. */
  readonly nonces = new BoundedMap<string, true>(nonceLimit);
  /** Log-ins of browsers that came back from their provider: each does once. */
  readonly returns = new BoundedMap<string, true>(returnLimit);
  /** Addresses from which log-ins failed: see back-off.ts. */
  readonly suspects = new BoundedMap<string, Suspect>(suspectLimit);
  /** Before the computing of password hashes. */
  readonly gate = new Gate();
  /** Digests of password checks that succeeded, and until when they hold: see password.ts. */
  readonly verified = new BoundedMap<string, number>(verifiedLimit);
  snapshot: { readonly generation: number; readonly value: Promise<Snapshot> } | null = null;
  /** Called with the id of each project that is deleted in this process. */
  readonly projectListeners: ((projectId: string) => void)[] = [];
  /** Called after every directory write that this process sees. */
  readonly listeners: (() => void)[] = [];
  /** The version of the database at which the generation was read last. */
  watched = Number.NaN;
  catchingUp: { readonly version: number; readonly ended: Promise<void> } | null = null;
  #generation = 0;
  readonly #revocations = new Map<string, Revocation>();
  #sweepAtMs = 0;

  /** The generation of the directory that this process has seen; what was remembered under another is stale. */
  get generation(): number {
    return this.#generation;
  }

  advance(
    seen: { readonly generation: number; readonly revocations: readonly Revocation[] },
    nowMs: number,
  ): void {
    // Two writers may come back in the other order: the newer one has seen what the older one wrote.
    if (seen.generation <= this.#generation) return;
    this.#generation = seen.generation;
    for (const revocation of seen.revocations) {
      const key = `${revocation.kind}:${revocation.subject}`;
      const known = this.#revocations.get(key);
      if (known === undefined || known.issuedBeforeMs < revocation.issuedBeforeMs) {
        this.#revocations.set(key, revocation);
      }
    }
    this.#sweep(nowMs);
    for (const listener of this.listeners) listener();
  }

  isRevoked(
    claims: TokenClaims,
    {
      domainIds,
      userIds,
    }: { readonly domainIds: readonly string[]; readonly userIds: readonly string[] },
  ): boolean {
    if (this.#revocations.size === 0) return false;
    const { userId, scope, auditIds, issuedAtMs } = claims;
    const keys = [
      `token:${auditIds[0]}`,
      `chain:${auditIds.at(-1)}`,
      `user:${userId}`,
      ...('id' in scope ? [`${scope.kind}:${scope.id}`] : []),
      ...userIds.map((id) => `user:${id}`),
      ...domainIds.map((id) => `domain:${id}`),
    ];
    return keys.some((key) => issuedAtMs < (this.#revocations.get(key)?.issuedBeforeMs ?? 0));
  }

  #sweep(nowMs: number): void {
    if (nowMs < this.#sweepAtMs) return;
    this.#sweepAtMs = nowMs + sweepEveryMs;
    for (const [key, { expiresAtMs }] of this.#revocations) {
      if (expiresAtMs < nowMs) this.#revocations.delete(key);
    }
  }
}
