import { addressShort } from './address-short.ts';
import type { Context } from '../kernel/context.ts';
import { invalid } from '../kernel/errors.ts';
import type { NicsWish, NicWish } from '../network/port.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { ServerCreate } from './server-create.model.ts';
import type { ServerCreateWire } from './server.schema.ts';

/** Turns the wire's body, which its version's schema has passed, into what the client means. */
export function serverCreateRead(
  context: Context<ComputeWorld>,
  body: ServerCreateWire,
): ServerCreate {
  const { server } = body;
  personalityCheck(server.personality);
  devicesCheck(server);
  const imageId = server.imageRef ?? '';
  if (imageId === '') throw invalid('Missing imageRef attribute');
  if (
    server.trusted_image_certificates !== undefined &&
    server.trusted_image_certificates !== null
  ) {
    throw invalid('Image signature certificate validation is not enabled.');
  }
  const { networks, nicTags } = networksRead(server.networks);
  const minCount = Number(server.min_count ?? 1);
  return {
    name: server.name.trim(),
    // Before 2.19 the description was the name.
    description: context.since('2.19') ? (server.description ?? null) : server.name.trim(),
    hostname: server.hostname ?? null,
    imageId: uuidNormal(imageId),
    flavorId: idOfHref(String(server.flavorRef)),
    adminPass: server.adminPass ?? null,
    metadata: server.metadata ?? {},
    networks,
    nicTags,
    securityGroups:
      server.security_groups === undefined
        ? null
        : [...new Set(server.security_groups.flatMap(({ name }) => name ?? []))],
    keyName: server.key_name ?? null,
    userData: server.user_data === undefined ? null : base64Check(server.user_data),
    configDrive: server.config_drive !== undefined && boolOf(server.config_drive),
    zone: server.availability_zone ?? null,
    host: server.host ?? server.hypervisor_hostname ?? null,
    minCount,
    maxCount: Number(server.max_count ?? minCount),
    hints: body['os:scheduler_hints'] ?? body['OS-SCH-HNT:scheduler_hints'] ?? {},
    tags: [...new Set(server.tags ?? [])],
    diskConfig: server['OS-DCF:diskConfig'] ?? 'MANUAL',
    accessIpV4: server.accessIPv4 ?? null,
    accessIpV6: addressShort(server.accessIPv6) ?? null,
  };
}

export const boolOf = (value: boolean | string): boolean =>
  typeof value === 'boolean' ? value : /^(true|1|on|yes)$/i.test(value);

/** Old clients send the URL of a flavor or image. */
const idOfHref = (href: string): string => href.split('?')[0]?.split('/').at(-1) ?? '';

export function uuidNormal(text: string): string {
  const hex = text.replaceAll('-', '').toLowerCase();
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export function base64Check(text: string): string {
  const compact = text.replace(/\s/g, '');
  if (compact.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return compact;
  throw invalid('User data needs to be valid base 64.');
}

export function personalityCheck(personality: readonly unknown[] | undefined): void {
  if (personality === undefined || personality.length === 0) return;
  throw invalid('Files cannot be injected into servers of this cloud: use user data.');
}

type WireServer = ServerCreateWire['server'];

function networksRead(wire: WireServer['networks']): {
  networks: NicsWish;
  nicTags: (string | null)[];
} {
  if (wire === 'auto' || wire === 'none') return { networks: wire, nicTags: [] };
  if (wire === undefined || wire.length === 0) return { networks: 'any', nicTags: [] };
  const ports = new Set<string>();
  const networks = wire.map(({ uuid, port, fixed_ip }): NicWish => {
    if (port !== undefined && port !== null) {
      const portId = uuidNormal(port);
      if (ports.has(portId)) {
        throw invalid(
          `Port ID '${port}' was specified twice: you cannot attach a port multiple times.`,
        );
      }
      ports.add(portId);
      if (fixed_ip !== undefined) {
        throw invalid(
          `Specified Fixed IP '${fixed_ip}' cannot be used with port '${port}': ` +
            'the two cannot be specified together.',
        );
      }
      return { networkId: null, portId, fixedAddress: null };
    }
    if (uuid === undefined) throw invalid("Bad network format: missing 'uuid'");
    if (!/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(uuid)) {
      throw invalid(`Bad networks format: network uuid is not in proper format (${uuid})`);
    }
    return { networkId: uuidNormal(uuid), portId: null, fixedAddress: fixed_ip ?? null };
  });
  return { networks, nicTags: wire.map(({ tag }) => tag ?? null) };
}

/** Local disks come from the flavor; the only device that may be named is the image's own root disk. */
function devicesCheck(server: WireServer): void {
  const { block_device_mapping: legacy = [], block_device_mapping_v2: devices = [] } = server;
  if (legacy.length > 0 && devices.length > 0) {
    throw invalid(
      'Using different block_device_mapping syntaxes is not allowed in the same request.',
    );
  }
  for (const { volume_id, snapshot_id } of legacy) {
    if (volume_id !== undefined) throw deviceInvalid(`failed to get volume ${volume_id}.`);
    if (snapshot_id !== undefined) throw deviceInvalid(`failed to get snapshot ${snapshot_id}.`);
    throw deviceInvalid('Unrecognized legacy format.');
  }
  let roots = 0;
  for (const device of devices) {
    const { source_type: source, destination_type: destination, uuid } = device;
    if (source === 'blank' && uuid !== undefined) throw deviceInvalid('Invalid device UUID.');
    if (source !== 'blank' && uuid === undefined) throw deviceInvalid('Missing device UUID.');
    if (source === 'volume') throw deviceInvalid(`failed to get volume ${uuid}.`);
    if (source === 'snapshot') throw deviceInvalid(`failed to get snapshot ${uuid}.`);
    const isRoot = source === 'image' && destination === 'local';
    if (!isRoot) throw deviceInvalid('volumes are not available in this cloud.');
    if (Number(device.boot_index ?? -1) !== 0 || server.imageRef === undefined) {
      throw deviceInvalid('Mapping image to local is not supported.');
    }
    if (uuidNormal(uuid ?? '') !== uuidNormal(server.imageRef) || ++roots > 1) {
      throw deviceInvalid(
        'Boot sequence for the instance and image/block device mapping combination is not valid.',
      );
    }
  }
}

const deviceInvalid = (details: string) => invalid(`Block Device Mapping is Invalid: ${details}`);
