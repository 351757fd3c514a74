import { flag } from '../kernel/db.ts';
import type { UserRow } from './identity.tables.ts';
import type { Extra, Options } from './project.model.ts';

export interface User {
  readonly id: string;
  readonly domainId: string;
  readonly name: string;
  readonly isEnabled: boolean;
  readonly defaultProjectId: string | null;
  readonly options: Options;
  readonly extra: Extra;
  readonly createdAtMs: number;
}

/** A user as shown and as logged in: with what is known of the password, never the password. */
export interface UserAccount extends User {
  readonly passwordHash: string | null;
  readonly passwordExpiresAtMs: number | null;
}

export const userOf = (row: UserRow): User => ({
  id: row.id,
  domainId: row.domain_id,
  name: row.name,
  isEnabled: row.enabled === 1,
  defaultProjectId: row.default_project_id,
  options: JSON.parse(row.options) as Options,
  extra: JSON.parse(row.extra) as Extra,
  createdAtMs: row.created_at,
});

export const userRowOf = (user: User): UserRow => ({
  id: user.id,
  domain_id: user.domainId,
  name: user.name,
  enabled: flag(user.isEnabled),
  default_project_id: user.defaultProjectId,
  options: JSON.stringify(user.options),
  extra: JSON.stringify(user.extra),
  created_at: user.createdAtMs,
});
