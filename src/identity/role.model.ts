import type { RoleRow } from './identity.tables.ts';
import type { Extra, Options } from './project.model.ts';

export interface Role {
  readonly id: string;
  readonly name: string;
  /** Null: global. */
  readonly domainId: string | null;
  readonly description: string | null;
  readonly options: Options;
  readonly extra: Extra;
}

export const roleOf = (row: RoleRow): Role => ({
  id: row.id,
  name: row.name,
  domainId: row.domain_id,
  description: row.description,
  options: JSON.parse(row.options) as Options,
  extra: JSON.parse(row.extra) as Extra,
});

export const roleRowOf = (role: Role): RoleRow => ({
  id: role.id,
  name: role.name,
  domain_id: role.domainId,
  description: role.description,
  options: JSON.stringify(role.options),
  extra: JSON.stringify(role.extra),
});
