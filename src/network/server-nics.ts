import { conflict, Failure, forbidden, invalid, notFound } from '../kernel/errors.ts';
import type { Actor } from '../kernel/policy.ts';
import { addressParse, prefixHas } from './address.model.ts';
import { subnetPrefix } from './address.store.ts';
import { topologyEnsure } from './auto-topology.ts';
import { networkAccess } from './network.collection.ts';
import type { NetworkTable } from './network.tables.ts';
import { networkWrite, type NetworkTx, type NetworkWorld } from './network.world.ts';
import type { NicPlan, NicsWish, NicWish, SecurityGroupRef } from './port.ts';
import { quotaTake } from './quota.store.ts';

/** Who asks for a server: what its project may use. */
interface Asker {
  readonly projectId: string;
  readonly isAdmin: boolean;
}

export const askerOf = (actor: Actor): Asker => ({
  projectId: actor.scope.kind === 'project' ? actor.scope.projectId : '',
  isAdmin: actor.roles.includes('admin'),
});

/** Judged before a server is placed; the texts are those that Nova's users read. */
export async function nicsPlan(
  world: NetworkWorld,
  asker: Asker,
  wish: NicsWish,
  serverCount: number,
): Promise<readonly NicPlan[]> {
  if (wish === 'none') return [];
  const plan = async (tx: NetworkTx): Promise<readonly NicPlan[]> => {
    const plans =
      typeof wish === 'string'
        ? await onlyNetwork(tx, asker)
        : await Promise.all(wish.map((one) => nicPlan(tx, asker, one, serverCount)));
    const isNew = plans.filter(({ portId }) => portId === null);
    await quotaTake(tx, world, 'port', asker.projectId, isNew.length * serverCount);
    return plans;
  };
  const plans = await world.db.read(plan);
  if (wish !== 'auto' || plans.length > 0) return plans;
  await topologyAllocate(world, asker.projectId);
  return world.db.read(plan);
}

async function topologyAllocate(world: NetworkWorld, projectId: string): Promise<void> {
  try {
    await networkWrite(world, (work) => topologyEnsure(work, projectId));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw invalid(
      `Unable to automatically allocate a network for project ${projectId}: ${error.message}`,
      { cause: error },
    );
  }
}

/** The networks a project can put servers on without naming one: its own and shared ones. */
async function onlyNetwork(tx: NetworkTx, asker: Asker): Promise<NicPlan[]> {
  const usable = await tx
    .selectFrom('network')
    .selectAll()
    .where('is_external', '=', 0)
    .where((e) =>
      e.or([
        e('project_id', '=', asker.projectId),
        e(
          'id',
          'in',
          e
            .selectFrom('network_share')
            .select('network_id')
            .where('action', '=', 'access_as_shared')
            .where('target_project', 'in', ['*', asker.projectId]),
        ),
      ]),
    )
    .where('id', 'in', (e) => e.selectFrom('subnet').select('network_id'))
    .limit(2)
    .execute();
  const [network, another] = usable;
  if (another !== undefined) {
    throw conflict('Multiple possible networks found, use a Network ID to be more specific.');
  }
  return network === undefined ? [] : [planOf(network, null, null)];
}

function planOf(
  { id, name, network_type }: NetworkTable,
  portId: string | null,
  fixedAddress: string | null,
): NicPlan {
  // A bridge of the host, without anything that would keep guests apart.
  if (network_type === 'flat') {
    throw invalid(`Network ${id} is flat: servers are reached from it by floating IPs.`);
  }
  return { networkId: id, networkName: name, portId, fixedAddress };
}

async function nicPlan(
  tx: NetworkTx,
  asker: Asker,
  { portId, networkId, fixedAddress }: NicWish,
  serverCount: number,
): Promise<NicPlan> {
  if (portId !== null) return portPlan(tx, asker, portId, serverCount);
  const network = await tx
    .selectFrom('network')
    .selectAll()
    .where('id', '=', networkId ?? '')
    .executeTakeFirst();
  const access = (
    await networkAccess(tx, [networkId ?? ''], {
      projectId: asker.projectId,
      seesAll: asker.isAdmin,
    })
  )(networkId ?? '');
  const isOwn = network?.project_id === asker.projectId;
  if (network === undefined || !(isOwn || asker.isAdmin || access.isShared || access.isExternal)) {
    throw invalid(`Network ${networkId} could not be found.`);
  }
  if (network.is_external === 1 && !isOwn && !asker.isAdmin && !access.isShared) {
    throw forbidden(`It is not allowed to create an interface on external network ${networkId}`);
  }
  await addressCheck(tx, network.id, fixedAddress, serverCount);
  return planOf(network, null, fixedAddress);
}

async function portPlan(
  tx: NetworkTx,
  asker: Asker,
  portId: string,
  serverCount: number,
): Promise<NicPlan> {
  const port = await tx.selectFrom('port').selectAll().where('id', '=', portId).executeTakeFirst();
  if (port === undefined || (port.project_id !== asker.projectId && !asker.isAdmin)) {
    throw invalid(`Port id ${portId} could not be found.`);
  }
  if (port.device_id !== '' || port.server_id !== null)
    throw conflict(`Port ${portId} is still in use.`);
  if (serverCount > 1) {
    throw invalid('Unable to launch multiple instances with a single configured port ID.');
  }
  const network = await tx
    .selectFrom('network')
    .selectAll()
    .where('id', '=', port.network_id)
    .executeTakeFirstOrThrow();
  return planOf(network, portId, null);
}

async function addressCheck(
  tx: NetworkTx,
  networkId: string,
  text: string | null,
  serverCount: number,
): Promise<void> {
  const subnets = await tx
    .selectFrom('subnet')
    .selectAll()
    .where('network_id', '=', networkId)
    .execute();
  if (subnets.length === 0) {
    throw invalid(`Network ${networkId} requires a subnet in order to boot instances on.`);
  }
  if (text === null) return;
  if (serverCount > 1) {
    throw invalid('Invalid fixed IP Address: multiple instances cannot have one.');
  }
  const address = addressParse(text);
  if (address === null || !subnets.some((subnet) => prefixHas(subnetPrefix(subnet), address))) {
    throw invalid(`Fixed IP address ${text} is not a valid ip address for network ${networkId}.`);
  }
  const taken = await tx
    .selectFrom('fixed_ip')
    .select('port_id')
    .where('network_id', '=', networkId)
    .where('address', '=', text)
    .executeTakeFirst();
  if (taken !== undefined) throw invalid(`Fixed IP address ${text} is already in use on instance.`);
}

/** By name or id in the asker's project. */
export async function securityGroupsFind(
  world: NetworkWorld,
  asker: Asker,
  namesOrIds: readonly string[],
): Promise<SecurityGroupRef[]> {
  const groups = await world.db.read((tx) =>
    tx
      .selectFrom('security_group')
      .select(['id', 'name'])
      .where('project_id', '=', asker.projectId)
      .execute(),
  );
  const found = namesOrIds.map((wanted) => {
    const byId = groups.filter(({ id }) => id === wanted);
    const matches = byId.length > 0 ? byId : groups.filter(({ name }) => name === wanted);
    const [first, second] = matches;
    if (first === undefined) {
      throw notFound(`Security group ${wanted} not found for project ${asker.projectId}.`);
    }
    if (second !== undefined) {
      throw conflict(
        `Multiple security groups found matching '${wanted}'. Use an ID to be more specific.`,
      );
    }
    return first;
  });
  return [...new Map(found.map((group) => [group.id, group])).values()];
}
