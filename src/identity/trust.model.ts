import { flag } from '../kernel/db.ts';
import type { TrustRow } from './identity.tables.ts';
import type { Extra } from './project.model.ts';

/** The trustor lets the trustee act on a project with some of his roles. */
export interface Trust {
  readonly id: string;
  readonly trustorId: string;
  readonly trusteeId: string;
  readonly projectId: string | null;
  /** Tokens then speak for the trustor, else for the trustee. */
  readonly isImpersonating: boolean;
  readonly expiresAtUs: number | null;
  readonly remainingUses: number | null;
  readonly redelegatedTrustId: string | null;
  /** How many times it may be handed on. */
  readonly redelegationCount: number;
  readonly roleIds: readonly string[];
  readonly extra: Extra;
}

export const trustOf = (row: TrustRow): Trust => ({
  id: row.id,
  trustorId: row.trustor_id,
  trusteeId: row.trustee_id,
  projectId: row.project_id,
  isImpersonating: row.impersonation === 1,
  expiresAtUs: row.expires_at_us,
  remainingUses: row.remaining_uses,
  redelegatedTrustId: row.redelegated_trust_id,
  redelegationCount: row.redelegation_count,
  roleIds: JSON.parse(row.role_ids) as string[],
  extra: JSON.parse(row.extra) as Extra,
});

export const trustRowOf = (trust: Trust): TrustRow => ({
  id: trust.id,
  trustor_id: trust.trustorId,
  trustee_id: trust.trusteeId,
  project_id: trust.projectId,
  impersonation: flag(trust.isImpersonating),
  expires_at_us: trust.expiresAtUs,
  remaining_uses: trust.remainingUses,
  redelegated_trust_id: trust.redelegatedTrustId,
  redelegation_count: trust.redelegationCount,
  role_ids: JSON.stringify(trust.roleIds),
  extra: JSON.stringify(trust.extra),
});

export const isTrustAlive = ({ expiresAtUs }: Trust, nowMs: number): boolean =>
  expiresAtUs === null || expiresAtUs > nowMs * 1000;
