import type { GroupRow } from './identity.tables.ts';
import type { Extra } from './project.model.ts';

export interface Group {
  readonly id: string;
  readonly domainId: string;
  readonly name: string;
  readonly description: string;
  readonly extra: Extra;
}

export const groupOf = (row: GroupRow): Group => ({
  id: row.id,
  domainId: row.domain_id,
  name: row.name,
  description: row.description,
  extra: JSON.parse(row.extra) as Extra,
});

export const groupRowOf = (group: Group): GroupRow => ({
  id: group.id,
  domain_id: group.domainId,
  name: group.name,
  description: group.description,
  extra: JSON.stringify(group.extra),
});
