import type { RevocationRow } from './identity.tables.ts';

export interface Revocation {
  readonly kind: RevocationRow['kind'];
  readonly subject: string;
  readonly issuedBeforeMs: number;
  readonly expiresAtMs: number;
}
