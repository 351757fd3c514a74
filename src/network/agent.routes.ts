import type { Static } from 'typebox';
import { sql, type SqlBool } from 'kysely';
import { flag } from '../kernel/db.ts';
import { conflict } from '../kernel/errors.ts';
import type { Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { agentsEnsure } from './agent.store.ts';
import { flagged, text, type Act, type Collection, type Loaded } from './collection.ts';
import { deleteEndpoint, readEndpoints, updateEndpoint } from './collection.routes.ts';
import { asBoolean, BooleanLike, Name, Nullable, viewOf, wishOf } from './collection.schema.ts';
import { flagOf } from './collection.store.ts';
import type { NetworkAgentTable } from './network.tables.ts';
import type { NetworkWorld } from './network.world.ts';

const AgentView = viewOf({
  id: Type.String(),
  agent_type: Type.String(),
  binary: Type.String(),
  topic: Type.String(),
  host: Type.String(),
  admin_state_up: Type.Boolean(),
  alive: Type.Boolean(),
  created_at: Type.String(),
  started_at: Type.String(),
  heartbeat_timestamp: Type.String(),
  description: Nullable(Type.String()),
  configurations: Type.Object({}, { additionalProperties: true }),
  availability_zone: Nullable(Type.String()),
  resources_synced: Type.Boolean(),
});
type AgentView = Static<typeof AgentView>;

const AgentChange = wishOf({
  admin_state_up: Type.Optional(BooleanLike),
  description: Type.Optional(Nullable(Name)),
});

const agentType = 'Linux bridge agent';
const binary = 'welkin-agent';

const isOneOf = (word: string) => ({
  where: (values: readonly string[]) =>
    values.includes(word) ? sql<SqlBool>`1 = 1` : sql<SqlBool>`1 = 0`,
});

/** One per host: the one process there that does what other clouds have four agents for. */
const agentsOf = (world: NetworkWorld): Collection<NetworkAgentTable, AgentView> => ({
  name: 'agent',
  plural: 'agents',
  path: 'agents',
  table: 'network_agent',
  schema: AgentView,
  isTaggable: false,
  attributes: {
    id: text('id'),
    host: text('host'),
    description: text('description'),
    admin_state_up: flagged('admin_state_up'),
    agent_type: isOneOf(agentType),
    binary: isOneOf(binary),
    availability_zone: isOneOf(world.settings.zone),
    alive: {
      where: (values) => {
        const asked = values.map((value) => flagOf('alive', value));
        const hosts = world.mirror
          .hosts()
          .flatMap(({ host, isCurrent }) => (isCurrent ? [host] : []));
        const alive = sql<SqlBool>`t.host IN (${sql.join(['', ...hosts])})`;
        const either = asked.map((isAlive) => (isAlive ? alive : sql<SqlBool>`NOT ${alive}`));
        return sql<SqlBool>`(${sql.join(either, sql` OR `)})`;
      },
    },
  },
  visible: () => sql<SqlBool>`1 = 0`,
  load: async (_, rows) => rows.map((row) => agentLoaded(world, row)),
});

function agentLoaded(
  { mirror, clock, settings }: NetworkWorld,
  row: NetworkAgentTable,
): Loaded<NetworkAgentTable, AgentView> {
  const host = mirror.host(row.host);
  const isAlive = host?.isCurrent === true;
  const view: AgentView = {
    id: row.id,
    agent_type: agentType,
    binary,
    topic: 'N/A',
    host: row.host,
    admin_state_up: row.admin_state_up === 1,
    alive: isAlive,
    created_at: timeText(row.created_at),
    started_at: timeText(row.created_at),
    heartbeat_timestamp: timeText(isAlive ? clock.now() : (host?.lostAt ?? row.created_at)),
    description: row.description === '' ? null : row.description,
    configurations: { tunnel_types: ['vxlan'], physical_networks: settings.physicalNetworks },
    availability_zone: settings.zone,
    resources_synced: isAlive,
  };
  return { row, view, target: {} };
}

/** As this resource of Neutron's writes times. */
const timeText = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

async function agentDelete(
  { work: { tx, world } }: Act,
  { row }: Loaded<NetworkAgentTable, AgentView>,
): Promise<void> {
  if (world.hosts.get(row.host) !== null) {
    throw conflict(`Agent ${row.id} is of host ${row.host}, a member of the cloud.`, {
      type: 'AgentInUse',
    });
  }
  await tx.deleteFrom('network_agent').where('id', '=', row.id).execute();
}

export function agentRoutes(world: NetworkWorld): Endpoint<NetworkWorld>[] {
  const agents = agentsOf(world);
  const withAll = (endpoint: Endpoint<NetworkWorld>): Endpoint<NetworkWorld> => ({
    ...endpoint,
    run: async (context, input) => {
      await agentsEnsure(context.world);
      return endpoint.run(context, input);
    },
  });
  return [
    ...readEndpoints(agents).map(withAll),
    updateEndpoint(agents, AgentChange, async ({ context }, { target }, wish) => {
      context.authorize('update_agent', target);
      return {
        ...(wish.admin_state_up !== undefined && {
          admin_state_up: flag(asBoolean(wish.admin_state_up)),
        }),
        ...(wish.description !== undefined && { description: wish.description ?? '' }),
      };
    }),
    deleteEndpoint(agents, agentDelete),
  ];
}
