import type { RevocationRow } from './identity.tables.ts';

export interface Revocation {
  readonly kind: RevocationRow['kind'];
  readonly subject: string;
  readonly issuedBeforeMs: number;
  readonly revokedAtMs: number;
  readonly expiresAtMs: number;
}
