import type { AuditRecord } from './audit.ts';
import type { Clock } from './clock.ts';
import type { Ids } from './ids.ts';
import type { Log } from './log.ts';
import type { Actor, Target } from './policy.ts';
import type { Version } from './version.ts';

/**
 * One request, or one act of the cloud itself. `world` is what the service is made of: its database, its settings,
 * the ports of other services.
 */
export interface Context<World> {
  readonly world: World;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** `req-<uuid>`. */
  readonly requestId: string;
  /** What the caller named the request (X-OpenStack-Request-ID). */
  readonly globalRequestId: string | null;
  /** Throws where a request came without a token: only endpoints with `auth: 'none'` may run without an actor. */
  readonly actor: Actor;
  readonly isAnonymous: boolean;
  /** The negotiated microversion; the lowest where the API has none. */
  readonly version: Version;
  /** Scheme, host and mount of this API as the client sees them, without a slash at the end: base of all links. */
  readonly baseUrl: string;
  readonly remoteAddress: string;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** True from this microversion on. */
  since(version: string): boolean;
  /** Throws `forbidden` unless the policy allows it. */
  authorize(rule: string, target?: Target): void;
  allows(rule: string, target?: Target): boolean;
  /** For what the kernel does not record by itself: every change and every refusal is, authentication is not. */
  audit(
    record: Pick<AuditRecord, 'action' | 'outcome' | 'target' | 'reason'> & {
      actor?: Actor | null;
    },
  ): void;
}
