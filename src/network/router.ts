import { flag } from '../kernel/db.ts';
import { conflict } from '../kernel/errors.ts';
import { authorizeWish, projectFor, resourceFind, type Act, type Loaded } from './collection.ts';
import { asBoolean } from './collection.schema.ts';
import type { Columns } from './collection.routes.ts';
import { zonesKnown } from './network.ts';
import type { RouterTable } from './network.tables.ts';
import { quotaTake } from './quota.store.ts';
import { routers } from './router.collection.ts';
import { gatewaySet } from './router-gateway.ts';
import { routesRead } from './router-routes.ts';
import type { GatewayWish, RouterChange, RouterView, RouterWish } from './router.schema.ts';
import { interfacesOf } from './router.store.ts';

const guards = { external_gateway_info: null } as const;

/** Every part of a gateway that is named has a rule of its own. */
function gatewayAuthorize(
  { context }: Act,
  verb: 'create' | 'update',
  wish: GatewayWish | null | undefined,
  target: Parameters<typeof context.authorize>[1],
): void {
  for (const part of Object.keys(wish ?? {})) {
    context.authorize(`${verb}_router:external_gateway_info:${part}`, target);
  }
}

export async function routerCreate(act: Act, wish: RouterWish): Promise<string> {
  const { context, work } = act;
  const { tx, world, now } = work;
  const projectId = projectFor(context, wish);
  const target = { project_id: projectId, tenant_id: projectId };
  authorizeWish(context, 'create', 'router', { wish, guards, target });
  gatewayAuthorize(act, 'create', wish.external_gateway_info, target);
  await quotaTake(tx, world, 'router', projectId);
  const row: RouterTable = {
    id: world.ids.uuid(),
    project_id: projectId,
    name: wish.name ?? '',
    description: wish.description ?? '',
    admin_state_up: flag(asBoolean(wish.admin_state_up ?? true)),
    host: null,
    gateway_port_id: null,
    enable_snat: flag(true),
    routes: '[]',
    zone_hints: JSON.stringify(zonesKnown(wish.availability_zone_hints ?? [], world.settings)),
    revision: 1,
    created_at: now,
    updated_at: now,
  };
  await tx.insertInto('router').values(row).execute();
  await gatewaySet(act, row, wish.external_gateway_info ?? null);
  return row.id;
}

export async function routerUpdate(
  act: Act,
  { row, target }: Loaded<RouterTable, RouterView>,
  wish: RouterChange,
): Promise<Columns<RouterTable>> {
  const { context, work } = act;
  authorizeWish(context, 'update', 'router', { wish, guards, target });
  gatewayAuthorize(act, 'update', wish.external_gateway_info, target);
  if (wish.external_gateway_info !== undefined) {
    // Routes of the same request count: they may be what lets the gateway go.
    const planned = wish.routes === undefined ? row.routes : JSON.stringify(wish.routes ?? []);
    await gatewaySet(act, { ...row, routes: planned }, wish.external_gateway_info);
  }
  work.touched.routers.add(row.id);
  const { name, description, admin_state_up, routes } = wish;
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(admin_state_up !== undefined && { admin_state_up: flag(asBoolean(admin_state_up)) }),
    ...(routes !== undefined && {
      routes: JSON.stringify(await routesRead(work.tx, row, routes ?? [])),
    }),
  };
}

export async function routerDelete(
  act: Act,
  { row }: Loaded<RouterTable, RouterView>,
): Promise<void> {
  const { work } = act;
  if ((await interfacesOf(work.tx, row.id)).length > 0) {
    throw conflict(`Router ${row.id} still has ports`, { type: 'RouterInUse' });
  }
  await gatewaySet(act, { ...row, routes: '[]' }, null);
  await work.tx.deleteFrom('auto_topology').where('router_id', '=', row.id).execute();
  await work.tx.deleteFrom('router').where('id', '=', row.id).execute();
  work.touched.routers.add(row.id);
}

/** The router, for an act on it that is no update. */
export const routerFind = (act: Act, id: string): Promise<Loaded<RouterTable, RouterView>> =>
  resourceFind(act, routers, id);
