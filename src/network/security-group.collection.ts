import { sql, type SqlBool } from 'kysely';
import {
  flagged,
  integer,
  ofProject,
  standardAttributes,
  text,
  type Collection,
  type Loaded,
} from './collection.ts';
import { tagsOf } from './collection.store.ts';
import { standardOf } from './network.collection.ts';
import type { SecurityGroupRuleTable, SecurityGroupTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';
import { cidrNormal } from './security-group-rule.model.ts';
import { GroupView, RuleView } from './security-group.schema.ts';

export const securityGroups: Collection<SecurityGroupTable, GroupView> = {
  name: 'security_group',
  plural: 'security_groups',
  path: 'security-groups',
  table: 'security_group',
  schema: GroupView,
  isTaggable: true,
  attributes: {
    ...standardAttributes,
    name: text('name'),
    stateful: flagged('stateful'),
    shared: {
      where: (values) =>
        values.some((value) => /^(false|0)$/i.test(value))
          ? sql<SqlBool>`1 = 1`
          : sql<SqlBool>`1 = 0`,
    },
  },
  visible: ofProject,
  async load(tx, rows) {
    const ids = rows.map(({ id }) => id);
    if (ids.length === 0) return [];
    const rules = await tx
      .selectFrom('security_group_rule')
      .selectAll()
      .where('security_group_id', 'in', ids)
      .orderBy('id')
      .execute();
    const tags = await tagsOf(tx, ids);
    return rows.map((row) => ({
      row,
      view: {
        ...standardOf(row),
        name: row.name,
        stateful: row.stateful === 1,
        shared: false,
        security_group_rules: rules
          .filter((rule) => rule.security_group_id === row.id)
          .map((rule) => ruleView(rule, row)),
        tags: tags.get(row.id) ?? [],
      },
      target: { project_id: row.project_id, tenant_id: row.project_id, shared: false },
    }));
  },
};

export const securityGroupRules: Collection<SecurityGroupRuleTable, RuleView> = {
  name: 'security_group_rule',
  plural: 'security_group_rules',
  path: 'security-group-rules',
  table: 'security_group_rule',
  schema: RuleView,
  isTaggable: false,
  attributes: {
    ...standardAttributes,
    security_group_id: text('security_group_id'),
    direction: text('direction'),
    ethertype: text('ethertype'),
    protocol: text('protocol'),
    port_range_min: integer('port_range_min'),
    port_range_max: integer('port_range_max'),
    remote_group_id: text('remote_group_id'),
    remote_ip_prefix: text('remote_ip_prefix'),
  },
  visible: (projectId) => sql<SqlBool>`t.security_group_id IN
    (SELECT id FROM security_group WHERE project_id = ${projectId})`,
  load: rulesLoad,
};

async function rulesLoad(
  tx: NetworkTx,
  rows: readonly SecurityGroupRuleTable[],
): Promise<Loaded<SecurityGroupRuleTable, RuleView>[]> {
  const groupIds = [...new Set(rows.map(({ security_group_id }) => security_group_id))];
  if (groupIds.length === 0) return [];
  const groups = await tx
    .selectFrom('security_group')
    .selectAll()
    .where('id', 'in', groupIds)
    .execute();
  return rows.flatMap((row) => {
    const group = groups.find(({ id }) => id === row.security_group_id);
    if (group === undefined) return [];
    const target = {
      project_id: row.project_id,
      tenant_id: row.project_id,
      'security_group:project_id': group.project_id,
      'security_group:tenant_id': group.project_id,
    };
    return [{ row, view: ruleView(row, group), target }];
  });
}

const ruleView = (row: SecurityGroupRuleTable, group: SecurityGroupTable): RuleView => ({
  ...standardOf(row),
  security_group_id: row.security_group_id,
  direction: row.direction,
  ethertype: row.ethertype,
  protocol: row.protocol,
  port_range_min: row.port_range_min,
  port_range_max: row.port_range_max,
  remote_group_id: row.remote_group_id,
  remote_ip_prefix: row.remote_ip_prefix,
  normalized_cidr: cidrNormal(row.remote_ip_prefix),
  belongs_to_default_sg: group.is_default === 1,
});
