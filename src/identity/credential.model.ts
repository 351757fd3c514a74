import type { Extra } from './project.model.ts';

export interface Credential {
  readonly id: string;
  readonly userId: string;
  readonly projectId: string | null;
  /** `ec2`, `cert`, `totp` or whatever a client calls it. */
  readonly type: string;
  readonly blob: string;
  readonly extra: Extra;
}
