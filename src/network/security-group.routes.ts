import {
  createEndpoint,
  deleteEndpoint,
  readEndpoints,
  updateEndpoint,
} from './collection.routes.ts';
import type { Endpoint } from '../kernel/http/endpoint.ts';
import type { NetworkWorld } from './network.world.ts';
import { securityGroupRules, securityGroups } from './security-group.collection.ts';
import { GroupChange, GroupWish, RuleWish } from './security-group.schema.ts';
import {
  defaultGroupFor,
  securityGroupCreate,
  securityGroupDelete,
  securityGroupRuleCreate,
  securityGroupRuleDelete,
  securityGroupUpdate,
} from './security-group.ts';
import { tagEndpoints } from './tag.routes.ts';

/** Whoever looks at groups finds a default one. */
const withDefault = (endpoint: Endpoint<NetworkWorld>): Endpoint<NetworkWorld> => ({
  ...endpoint,
  run: async (context, input) => {
    await defaultGroupFor(context);
    return endpoint.run(context, input);
  },
});

export const securityGroupRoutes = [
  ...readEndpoints(securityGroups).map(withDefault),
  createEndpoint(securityGroups, GroupWish, securityGroupCreate),
  updateEndpoint(securityGroups, GroupChange, securityGroupUpdate),
  deleteEndpoint(securityGroups, securityGroupDelete),
  ...tagEndpoints(securityGroups),

  ...readEndpoints(securityGroupRules).map(withDefault),
  createEndpoint(securityGroupRules, RuleWish, securityGroupRuleCreate),
  deleteEndpoint(securityGroupRules, securityGroupRuleDelete),
];
