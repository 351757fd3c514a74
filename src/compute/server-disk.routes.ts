import { addressShort } from './address-short.ts';
import { invalid } from '../kernel/errors.ts';
import type { Context } from '../kernel/context.ts';
import { endpointsOf, type Reply } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import { base64Check, boolOf, personalityCheck, uuidNormal } from './server-create.wire.ts';
import { frameFor, serversSeen } from './server-get.ts';
import { serverRebuild } from './server-rebuild.ts';
import { ServerRebuilt } from './server-reply.schema.ts';
import { serverSnapshot } from './server-snapshot.ts';
import { Metadata, ServerRebuildBody, strict, type ServerRebuildWire } from './server.schema.ts';
import { Count, Name } from './flavor.schema.ts';
import { linksOf, serverView } from './server.view.ts';

const endpoint = endpointsOf<ComputeWorld>();
const actionPath = '/v2.1/servers/:serverId/action';

const CreateImage = Type.Object(
  { createImage: Type.Object({ name: Name, metadata: Type.Optional(Metadata) }, strict) },
  strict,
);

const CreateBackup = Type.Object(
  {
    createBackup: Type.Object(
      {
        name: Name,
        backup_type: Type.String(),
        rotation: Count(0),
        metadata: Type.Optional(Metadata),
      },
      strict,
    ),
  },
  strict,
);
const SnapshotBegun = Type.Union([Type.Object({ image_id: Type.String() }, strict), Type.Null()]);

/** Since 2.45 in the body; before it as an address of the image API. */
function snapshotReply(context: Context<ComputeWorld>, imageId: string): Reply {
  if (context.since('2.45')) return { status: 202, body: { image_id: imageId } };
  const images = context.baseUrl.replace(/\/compute$/, '/image');
  return { status: 202, headers: { Location: `${images}/v2/images/${imageId}` } };
}

export const serverDiskRoutes = [
  endpoint(
    {
      id: 'servers.rebuild',
      method: 'POST',
      path: actionPath,
      action: 'rebuild',
      rule: 'os_compute_api:servers:rebuild',
      body: ServerRebuildBody,
      reply: { 202: Type.Object({ server: ServerRebuilt }, strict) },
    },
    async (context, { params: { serverId = '' }, body }) => {
      const { rebuild: wire } = body as unknown as ServerRebuildWire;
      personalityCheck(wire.personality);
      if (wire.preserve_ephemeral !== undefined && boolOf(wire.preserve_ephemeral)) {
        throw invalid('The current driver does not support preserving ephemeral partitions.');
      }
      const certificates = wire.trusted_image_certificates;
      if (certificates !== undefined && certificates !== null) {
        throw invalid('Image signature certificate validation is not enabled.');
      }
      const { user_data: userData, key_name: keyName } = wire;
      const { server, adminPass } = await serverRebuild(context, serverId, {
        imageId: uuidNormal(wire.imageRef),
        adminPass: wire.adminPass ?? null,
        ...(wire.name !== undefined && { name: wire.name.trim() }),
        ...(wire.description !== undefined && { description: wire.description }),
        ...(wire.hostname !== undefined && { hostname: wire.hostname }),
        ...(wire.metadata !== undefined && { metadata: wire.metadata }),
        ...(keyName !== undefined && { keyName }),
        ...(userData !== undefined && {
          userData: userData === null ? null : base64Check(userData),
        }),
        ...(wire['OS-DCF:diskConfig'] !== undefined && { diskConfig: wire['OS-DCF:diskConfig'] }),
        ...(wire.accessIPv4 !== undefined && { accessIpV4: wire.accessIPv4 }),
        ...(wire.accessIPv6 !== undefined && { accessIpV6: addressShort(wire.accessIPv6) }),
      });
      const frame = await frameFor(context, server.project_id);
      const [seen] = await serversSeen(context.world, [server]);
      if (seen === undefined) throw new Error('a server was rebuilt and none is seen');
      const view = serverView(
        {
          ...frame,
          isWhole: context.since('2.75'),
          showsKey: context.since('2.54'),
          showsUserData: false,
          showsGroups: context.since('2.71'),
        },
        seen,
      );
      return {
        status: 202,
        headers: { Location: linksOf(context.baseUrl, server.id)[0]?.href ?? '' },
        body: {
          server: {
            ...view,
            adminPass,
            ...(context.since('2.57') && { user_data: server.user_data }),
          },
        },
      };
    },
  ),
  endpoint(
    {
      id: 'servers.create-image',
      method: 'POST',
      path: actionPath,
      action: 'createImage',
      rule: 'os_compute_api:servers:create_image',
      body: CreateImage,
      reply: { 202: SnapshotBegun },
    },
    async (context, { params: { serverId = '' }, body: { createImage } }) => {
      const { name, metadata = {} } = createImage;
      const imageId = await serverSnapshot(context, serverId, { name: name.trim(), metadata });
      return snapshotReply(context, imageId);
    },
  ),
  endpoint(
    {
      id: 'servers.create-backup',
      method: 'POST',
      path: actionPath,
      action: 'createBackup',
      rule: 'os_compute_api:os-create-backup',
      body: CreateBackup,
      reply: { 202: SnapshotBegun },
    },
    async (context, { params: { serverId = '' }, body: { createBackup } }) => {
      const { name, backup_type: type, metadata = {} } = createBackup;
      const rotation = Number(createBackup.rotation);
      const wish = { name: name.trim(), metadata, backup: { type, rotation } };
      const imageId = await serverSnapshot(context, serverId, wish);
      // Of no backups that stay none has an address.
      if (rotation === 0 && !context.since('2.45')) return { status: 202 };
      return snapshotReply(context, imageId);
    },
  ),
];
