import { notFound } from '../kernel/errors.ts';
import { Type } from '../kernel/type.ts';
import { topologyEnsure, topologyFind, topologyParts } from './auto-topology.ts';
import { endpoint } from './collection.routes.ts';
import { resourceFind, type Act } from './collection.ts';
import { networks } from './network.collection.ts';
import { networkDelete } from './network.ts';
import { networkWrite } from './network.world.ts';
import { routers } from './router.collection.ts';
import { interfaceRemove } from './router-interface.ts';
import { routerDelete } from './router.ts';
import { interfacesOf } from './router.store.ts';

const path = '/v2.0/auto-allocated-topology/:projectId';
const Topology = Type.Object({
  id: Type.String(),
  project_id: Type.String(),
  tenant_id: Type.String(),
});
const targetOf = (projectId: string) => ({ project_id: projectId, tenant_id: projectId });

export const autoTopologyRoutes = [
  endpoint(
    {
      id: 'auto_allocated_topology.show',
      method: 'GET',
      path,
      rule: 'get_auto_allocated_topology',
      reply: { 200: Type.Object({ auto_allocated_topology: Type.Partial(Topology) }) },
    },
    async (context, { params: { projectId = '' }, query }) => {
      context.authorize('get_auto_allocated_topology', targetOf(projectId));
      const fields = query.getAll('fields');
      if (fields.includes('dry-run')) {
        // Asks whether one could be had, without making it.
        await context.world.db.read(
          async (tx) => (await topologyFind(tx, projectId)) ?? topologyParts(tx),
        );
        const passed = { id: 'dry-run=pass', ...targetOf(projectId) };
        return { status: 200, body: { auto_allocated_topology: passed } };
      }
      context.authorize('create_network', targetOf(projectId));
      const id = await networkWrite(context.world, (work) => topologyEnsure(work, projectId));
      return {
        status: 200,
        body: { auto_allocated_topology: { id, ...targetOf(projectId) } },
      };
    },
  ),
  endpoint(
    {
      id: 'auto_allocated_topology.delete',
      method: 'DELETE',
      path,
      rule: 'delete_auto_allocated_topology',
      reply: { 204: null },
    },
    async (context, { params: { projectId = '' } }) => {
      context.authorize('delete_auto_allocated_topology', targetOf(projectId));
      await networkWrite(context.world, (work) => topologyDelete({ context, work }, projectId));
      return { status: 204 };
    },
  ),
];

/** What else is plugged in or leads through keeps it. */
async function topologyDelete(act: Act, projectId: string): Promise<void> {
  const { tx } = act.work;
  const row = await tx
    .selectFrom('auto_topology')
    .selectAll()
    .where('project_id', '=', projectId)
    .executeTakeFirst();
  if (row === undefined) {
    throw notFound(`No auto-allocated topology found for tenant ${projectId}.`, {
      type: 'AutoAllocatedTopologyNotFound',
    });
  }
  const router = await resourceFind(act, routers, row.router_id);
  for (const { id, network_id } of await interfacesOf(tx, row.router_id)) {
    if (network_id === row.network_id) await interfaceRemove(act, router, { port_id: id });
  }
  await routerDelete(act, router);
  await networkDelete(act, await resourceFind(act, networks, row.network_id));
  const ids = [row.network_id, row.router_id];
  await tx.deleteFrom('network_tag').where('resource_id', 'in', ids).execute();
}
