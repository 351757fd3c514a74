import { Type } from '../kernel/type.ts';
import {
  createEndpoint,
  deleteEndpoint,
  endpoint,
  readEndpoints,
  updateEndpoint,
} from './collection.routes.ts';
import { resourceFind, type NetworkContext } from './collection.ts';
import { Strings } from './collection.schema.ts';
import type { SubnetPoolTable } from './network.tables.ts';
import { networkWrite, type NetworkTx } from './network.world.ts';
import { subnetPools } from './subnet-pool.collection.ts';
import { Prefixes, SubnetPoolChange, SubnetPoolWish } from './subnet-pool.schema.ts';
import {
  poolPrefixesAdd,
  poolPrefixesRemove,
  subnetPoolCreate,
  subnetPoolDelete,
  subnetPoolUpdate,
} from './subnet-pool.ts';
import { tagEndpoints } from './tag.routes.ts';

const PrefixBody = Type.Object({ prefixes: Prefixes }, { additionalProperties: false });
const PrefixReply = Type.Object({ prefixes: Strings });

const prefixAction = (
  action: 'add_prefixes' | 'remove_prefixes',
  change: (
    tx: NetworkTx,
    row: SubnetPoolTable,
    texts: readonly string[],
  ) => Promise<string> | string,
) =>
  endpoint(
    {
      id: `subnetpools.${action}`,
      method: 'PUT',
      path: `/v2.0/subnetpools/:id/${action}`,
      rule: action,
      body: PrefixBody,
      reply: { 200: PrefixReply },
    },
    async (context: NetworkContext, { params: { id = '' }, body }) => {
      const prefixes = await networkWrite(context.world, async (work) => {
        const { row, target } = await resourceFind({ context, work }, subnetPools, id);
        context.authorize(action, target);
        const changed = await change(work.tx, row, body.prefixes);
        await work.tx
          .updateTable('subnet_pool')
          .set({ prefixes: changed, revision: row.revision + 1, updated_at: work.now })
          .where('id', '=', id)
          .execute();
        return JSON.parse(changed) as string[];
      });
      return { status: 200, body: { prefixes } };
    },
  );

export const subnetPoolRoutes = [
  ...readEndpoints(subnetPools),
  createEndpoint(subnetPools, SubnetPoolWish, subnetPoolCreate),
  updateEndpoint(subnetPools, SubnetPoolChange, subnetPoolUpdate),
  deleteEndpoint(subnetPools, subnetPoolDelete),
  ...tagEndpoints(subnetPools),
  prefixAction('add_prefixes', (_, row, texts) => poolPrefixesAdd(row, texts)),
  prefixAction('remove_prefixes', poolPrefixesRemove),
];
