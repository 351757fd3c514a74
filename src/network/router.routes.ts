import { Type } from '../kernel/type.ts';
import {
  createEndpoint,
  deleteEndpoint,
  endpoint,
  readEndpoints,
  updateEndpoint,
} from './collection.routes.ts';
import { resourceFind, viewShown, type Act } from './collection.ts';
import { networkWrite } from './network.world.ts';
import { routers } from './router.collection.ts';
import { interfaceAdd, interfaceRemove } from './router-interface.ts';
import { routesAdded, routesOf, routesRead, routesRemoved } from './router-routes.ts';
import {
  InterfaceBody,
  InterfaceReply,
  RouterChange,
  RouterView,
  RouterWish,
  RoutesBody,
} from './router.schema.ts';
import { routerCreate, routerDelete, routerUpdate } from './router.ts';
import { tagEndpoints } from './tag.routes.ts';

const interfaceEndpoint = (verb: 'add' | 'remove', act: typeof interfaceAdd) =>
  endpoint(
    {
      id: `routers.${verb}_router_interface`,
      method: 'PUT',
      path: `/v2.0/routers/:id/${verb}_router_interface`,
      rule: `${verb}_router_interface`,
      body: InterfaceBody,
      reply: { 200: InterfaceReply },
    },
    async (context, { params: { id = '' }, body }) => {
      const reply = await networkWrite(context.world, async (work) => {
        const found = await resourceFind({ context, work }, routers, id);
        return act({ context, work }, found, body);
      });
      return { status: 200, body: reply };
    },
  );

/** Changes routes without naming those that stay: two writers do not undo each other. */
const extraRoutesEndpoint = (verb: 'add' | 'remove', change: typeof routesAdded) =>
  endpoint(
    {
      id: `routers.${verb}_extraroutes`,
      method: 'PUT',
      path: `/v2.0/routers/:id/${verb}_extraroutes`,
      rule: `${verb}_extraroutes`,
      body: RoutesBody,
      reply: { 200: Type.Object({ router: Type.Partial(RouterView) }) },
    },
    async (context, { params: { id = '' }, body }) => {
      const router = await networkWrite(context.world, async (work) => {
        const act: Act = { context, work };
        const { row, target } = await resourceFind(act, routers, id);
        context.authorize(`${verb}_extraroutes`, target);
        const routes = change(routesOf(row), body.router.routes);
        await work.tx
          .updateTable('router')
          .set({
            routes: JSON.stringify(await routesRead(work.tx, row, routes)),
            revision: row.revision + 1,
            updated_at: work.now,
          })
          .where('id', '=', id)
          .execute();
        work.touched.routers.add(id);
        return viewShown(context, routers, await resourceFind(act, routers, id));
      });
      return { status: 200, body: { router } };
    },
  );

export const routerRoutes = [
  ...readEndpoints(routers),
  createEndpoint(routers, RouterWish, routerCreate),
  updateEndpoint(routers, RouterChange, routerUpdate),
  deleteEndpoint(routers, routerDelete),
  ...tagEndpoints(routers),
  interfaceEndpoint('add', interfaceAdd),
  interfaceEndpoint('remove', interfaceRemove),
  extraRoutesEndpoint('add', routesAdded),
  extraRoutesEndpoint('remove', routesRemoved),
];
