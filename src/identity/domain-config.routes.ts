import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import {
  configDefaultGet,
  configDelete,
  configGet,
  configPut,
  configUpdate,
  type ConfigPath,
} from './domain-config.ts';
import type { IdentityWorld } from './identity.world.ts';
import { noContent } from './reply.ts';

const endpoint = endpointsOf<IdentityWorld>();

const Options = Type.Record(Type.String(), Type.Unknown());
const ConfigBody = Type.Object({ config: Options });
const ConfigReply = Type.Object({ config: Options });

/** The whole, one group, one option: the same endpoints at three depths. */
const depths = [
  { name: 'all', path: '' },
  { name: 'group', path: '/:group' },
  { name: 'option', path: '/:group/:option' },
] as const;

const pathOf = (params: Readonly<Record<string, string>>): ConfigPath => ({
  domainId: params['domainId'] ?? '',
  group: params['group'],
  option: params['option'],
});

const putRoute = endpoint(
  {
    id: 'domainConfig.put',
    method: 'PUT',
    path: '/v3/domains/:domainId/config',
    rule: 'identity:create_domain_config',
    body: ConfigBody,
    reply: { 200: ConfigReply, 201: ConfigReply },
    summary: 'Set the configuration of a domain',
  },
  async (context, { params: { domainId = '' }, body }) => {
    const { config, isNew } = await configPut(context, domainId, body.config);
    return { status: isNew ? 201 : 200, body: { config } };
  },
);

export const domainConfigRoutes: readonly Endpoint<IdentityWorld>[] = [
  putRoute,
  ...depths.flatMap(({ name, path: below }) => {
    const path = `/v3/domains/:domainId/config${below}`;
    return [
      endpoint(
        {
          id: `domainConfig.get.${name}`,
          method: 'GET',
          path,
          rule: 'identity:get_domain_config',
          reply: { 200: ConfigReply },
          summary: `Show the configuration of a domain: ${name}`,
        },
        async (context, { params }) => ({
          status: 200,
          body: { config: await configGet(context, pathOf(params)) },
        }),
      ),
      endpoint(
        {
          id: `domainConfig.update.${name}`,
          method: 'PATCH',
          path,
          rule: 'identity:update_domain_config',
          body: ConfigBody,
          reply: { 200: ConfigReply },
          summary: `Change the configuration of a domain: ${name}`,
        },
        async (context, { params, body }) => ({
          status: 200,
          body: { config: await configUpdate(context, pathOf(params), body.config) },
        }),
      ),
      endpoint(
        {
          id: `domainConfig.delete.${name}`,
          method: 'DELETE',
          path,
          rule: 'identity:delete_domain_config',
          reply: { 204: null },
          summary: `Take back the configuration of a domain: ${name}`,
        },
        async (context, { params }) => {
          await configDelete(context, pathOf(params));
          return noContent;
        },
      ),
      endpoint(
        {
          id: `domainConfig.default.${name}`,
          method: 'GET',
          path: `/v3/domains/config${below}/default`,
          rule: 'identity:get_domain_config_default',
          reply: { 200: ConfigReply },
          summary: `What holds where a domain says nothing: ${name}`,
        },
        (context, { params }) => ({
          status: 200,
          body: { config: configDefaultGet(context, pathOf(params)) },
        }),
      ),
    ];
  }),
];
