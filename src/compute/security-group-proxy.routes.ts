import type { Context } from '../kernel/context.ts';
import { Failure, invalid } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { isUuid } from '../kernel/ids.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import { serverFor } from './server-get.ts';

/** Before 2.36 Nova had security groups of its own; since then these calls are the network service's. */
const until = '2.35';
const endpoint = endpointsOf<ComputeWorld>();
type ProxyContext = Context<ComputeWorld>;

interface NeutronRule {
  readonly id: string;
  readonly security_group_id: string;
  readonly direction: string;
  readonly protocol: string | null;
  readonly port_range_min: number | null;
  readonly port_range_max: number | null;
  readonly remote_group_id: string | null;
  readonly remote_ip_prefix: string | null;
  readonly ethertype: string;
}
interface NeutronGroup {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly project_id: string;
  readonly security_group_rules: readonly NeutronRule[];
}

const strict = { additionalProperties: false };
const Name = Type.String({ minLength: 1, maxLength: 255 });
const GroupBody = Type.Object(
  {
    security_group: Type.Object({
      name: Name,
      description: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
    }),
  },
  strict,
);
const Port = Type.Optional(Type.Union([Type.Integer(), Type.String(), Type.Null()]));
const RuleBody = Type.Object(
  {
    security_group_rule: Type.Object({
      parent_group_id: Type.Union([Type.String(), Type.Integer()]),
      ip_protocol: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      from_port: Port,
      to_port: Port,
      cidr: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      group_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    }),
  },
  strict,
);
const Rule = Type.Record(Type.String(), Type.Unknown());
const Group = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    description: Type.String(),
    tenant_id: Type.String(),
    rules: Type.Array(Rule),
  },
  strict,
);

/** Nova knew no conflicts here: what the network service calls one was a bad request. */
async function call(
  context: ProxyContext,
  id: string,
  input: Parameters<ComputeWorld['network']['apiCall']>[2] = {},
): Promise<unknown> {
  try {
    return await context.world.network.apiCall(context, id, input);
  } catch (error) {
    if (error instanceof Failure && error.kind === 'conflict') throw invalid(error.message);
    throw error;
  }
}

async function groupsOf(context: ProxyContext): Promise<readonly NeutronGroup[]> {
  const body = (await call(context, 'security_groups.list')) as { security_groups: NeutronGroup[] };
  return body.security_groups;
}

/** Nova knew rules for incoming traffic alone, and named the groups in them. */
function groupView(group: NeutronGroup, all: readonly NeutronGroup[]) {
  return {
    id: group.id,
    name: group.name,
    description: group.description,
    tenant_id: group.project_id,
    rules: group.security_group_rules
      .filter(({ direction }) => direction === 'ingress')
      .map((rule) => ruleView(rule, all)),
  };
}

function ruleView(rule: NeutronRule, all: readonly NeutronGroup[]) {
  const remote = all.find(({ id }) => id === rule.remote_group_id);
  const anyRange = rule.ethertype === 'IPv6' ? '::/0' : '0.0.0.0/0';
  return {
    id: rule.id,
    parent_group_id: rule.security_group_id,
    ip_protocol: rule.protocol,
    from_port: rule.port_range_min ?? (rule.protocol === null ? null : -1),
    to_port: rule.port_range_max ?? (rule.protocol === null ? null : -1),
    group: remote === undefined ? {} : { name: remote.name, tenant_id: remote.project_id },
    ip_range: remote === undefined ? { cidr: rule.remote_ip_prefix ?? anyRange } : {},
  };
}

const one = async (context: ProxyContext, id: string): Promise<NeutronGroup> =>
  (
    (await call(context, 'security_groups.show', { params: { id } })) as {
      security_group: NeutronGroup;
    }
  ).security_group;

const portOf = (value: number | string | null | undefined): number | null => {
  if (value === undefined || value === null || Number(value) === -1) return null;
  if (Number.isInteger(Number(value))) return Number(value);
  throw invalid(`Invalid port range ${value}.`);
};

const OneGroup = Type.Object({ security_group: Group });

export const securityGroupProxyRoutes = [
  endpoint(
    {
      id: 'servers.security-groups',
      method: 'GET',
      path: '/v2.1/servers/:serverId/os-security-groups',
      rule: 'os_compute_api:os-security-groups:list',
      reply: { 200: Type.Object({ security_groups: Type.Array(Group) }) },
    },
    async (context, { params: { serverId = '' } }) => {
      const { id } = await serverFor(context, serverId, 'os_compute_api:os-security-groups:list');
      const ports = (await context.world.network.portsOf([id])).get(id) ?? [];
      const ids = new Set(ports.flatMap(({ securityGroups }) => securityGroups.map((g) => g.id)));
      const all = await groupsOf(context);
      const shown = all.filter((group) => ids.has(group.id)).map((group) => groupView(group, all));
      return { status: 200, body: { security_groups: shown } };
    },
  ),
  endpoint(
    {
      id: 'security-groups.list',
      method: 'GET',
      path: '/v2.1/os-security-groups',
      until,
      rule: null,
      reply: { 200: Type.Object({ security_groups: Type.Array(Group) }) },
    },
    async (context) => {
      const all = await groupsOf(context);
      return { status: 200, body: { security_groups: all.map((group) => groupView(group, all)) } };
    },
  ),
  endpoint(
    {
      id: 'security-groups.show',
      method: 'GET',
      path: '/v2.1/os-security-groups/:id',
      until,
      rule: null,
      reply: { 200: OneGroup },
    },
    async (context, { params }) => {
      const group = await one(context, params['id'] ?? '');
      return { status: 200, body: { security_group: groupView(group, await groupsOf(context)) } };
    },
  ),
  endpoint(
    {
      id: 'security-groups.create',
      method: 'POST',
      path: '/v2.1/os-security-groups',
      until,
      rule: null,
      body: GroupBody,
      reply: { 200: OneGroup },
    },
    async (context, { body: { security_group: wish } }) => {
      const body = { security_group: { name: wish.name, description: wish.description ?? '' } };
      const made = (await call(context, 'security_groups.create', { body })) as {
        security_group: NeutronGroup;
      };
      return { status: 200, body: { security_group: groupView(made.security_group, []) } };
    },
  ),
  endpoint(
    {
      id: 'security-groups.update',
      method: 'PUT',
      path: '/v2.1/os-security-groups/:id',
      until,
      rule: null,
      body: GroupBody,
      reply: { 200: OneGroup },
    },
    async (context, { params, body: { security_group: wish } }) => {
      const body = { security_group: { name: wish.name, description: wish.description ?? '' } };
      await call(context, 'security_groups.update', { params, body });
      const group = await one(context, params['id'] ?? '');
      return { status: 200, body: { security_group: groupView(group, await groupsOf(context)) } };
    },
  ),
  endpoint(
    {
      id: 'security-groups.delete',
      method: 'DELETE',
      path: '/v2.1/os-security-groups/:id',
      until,
      rule: null,
      reply: { 202: null },
    },
    async (context, { params }) => {
      await call(context, 'security_groups.delete', { params });
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'security-group-rules.create',
      method: 'POST',
      path: '/v2.1/os-security-group-rules',
      until,
      rule: null,
      body: RuleBody,
      reply: { 200: Type.Object({ security_group_rule: Rule }) },
    },
    async (context, { body: { security_group_rule: wish } }) => {
      const cidr = wish.cidr ?? null;
      if (!isUuid(String(wish.parent_group_id))) {
        throw invalid(`Security group id is not uuid: ${wish.parent_group_id}`);
      }
      const security_group_rule = {
        security_group_id: String(wish.parent_group_id),
        direction: 'ingress',
        ethertype: cidr?.includes(':') === true ? 'IPv6' : 'IPv4',
        protocol: wish.ip_protocol?.toLowerCase() ?? null,
        port_range_min: portOf(wish.from_port),
        port_range_max: portOf(wish.to_port),
        remote_group_id: wish.group_id ?? null,
        remote_ip_prefix: cidr,
      };
      const made = (await call(context, 'security_group_rules.create', {
        body: { security_group_rule },
      })) as {
        security_group_rule: NeutronRule;
      };
      const view = ruleView(made.security_group_rule, await groupsOf(context));
      return { status: 200, body: { security_group_rule: view } };
    },
  ),
  endpoint(
    {
      id: 'security-group-rules.delete',
      method: 'DELETE',
      path: '/v2.1/os-security-group-rules/:id',
      until,
      rule: null,
      reply: { 202: null },
    },
    async (context, { params }) => {
      await call(context, 'security_group_rules.delete', { params });
      return { status: 202 };
    },
  ),
];
