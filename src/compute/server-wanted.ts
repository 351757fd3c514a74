import { createHash } from 'node:crypto';
import type { DiskWanted, GuestFacts, ServerWanted } from '../agent/api.ts';
import type { ServerPort } from '../network/port.ts';
import type { ServerNicTable } from './compute.tables.ts';
import {
  flavorParse,
  imageParse,
  keyParse,
  metadataParse,
  type ServerRow,
} from './server.model.ts';

/** What the document of a server is made of. */
export interface WantedParts {
  readonly server: ServerRow;
  readonly nics: readonly ServerNicTable[];
  readonly ports: readonly ServerPort[];
  readonly zone: string;
}

/** The document by which the agent of a host knows a server. */
export function serverWanted({ server, nics, ports, zone }: WantedParts): ServerWanted {
  const flavor = flavorParse(server.flavor);
  return {
    id: server.id,
    generation: server.generation,
    vcpus: flavor.vcpus,
    ramMib: flavor.ramMib,
    disks: disksOf(server),
    nics: nics.flatMap(({ port_id, network_id, mac, mtu }) =>
      mac === null || mtu === null ? [] : [{ portId: port_id, networkId: network_id, mac, mtu }],
    ),
    configDrive: server.config_drive === 1,
    run: {
      state: server.run_state,
      incarnation: server.incarnation,
      graceMs: server.grace_ms,
    },
    guest: guestOf({ server, nics, ports, zone }),
  };
}

function disksOf(server: ServerRow): DiskWanted[] {
  const flavor = flavorParse(server.flavor);
  const image = imageParse(server.image);
  const revision = server.disk_revision;
  // A flavor without a disk size takes the size that the image has.
  const rootMib = flavor.diskGib * 1024 || Math.ceil(image.virtualSizeBytes / 2 ** 20);
  const disks: DiskWanted[] = [];
  if (server.image_id !== null) {
    disks.push({
      id: 'root',
      source: { kind: 'image', imageId: server.image_id },
      sizeMib: rootMib,
      revision,
    });
  }
  if (flavor.ephemeralGib > 0) {
    disks.push({
      id: 'ephemeral0',
      source: { kind: 'blank', fs: 'ext4', label: 'ephemeral0' },
      sizeMib: flavor.ephemeralGib * 1024,
      revision,
    });
  }
  if (flavor.swapMib > 0) {
    disks.push({
      id: 'swap',
      source: { kind: 'blank', fs: 'swap', label: 'swap' },
      sizeMib: flavor.swapMib,
      revision,
    });
  }
  return disks;
}

function guestOf({ server, nics, ports, zone }: WantedParts): GuestFacts {
  const key = keyParse(server.key);
  return {
    name: server.name,
    hostname: server.hostname,
    projectId: server.project_id,
    userId: server.user_id,
    availabilityZone: zone,
    launchIndex: server.launch_index,
    reservationId: server.reservation_id,
    flavorName: flavorParse(server.flavor).name,
    imageId: server.image_id,
    keys: key === null ? [] : [key],
    metadata: metadataParse(server.metadata),
    userData: server.user_data,
    adminPass: server.admin_pass,
    deviceTags: nics.flatMap(({ port_id, tag }) =>
      tag === null ? [] : [{ portId: port_id, tag }],
    ),
    ...networkFacts(ports),
  };
}

/** What may change by acts of the network service alone. */
function networkFacts(
  ports: readonly ServerPort[],
): Pick<GuestFacts, 'securityGroupNames' | 'floatingIps'> {
  const names = ports.flatMap(({ securityGroups }) => securityGroups.map(({ name }) => name));
  return {
    securityGroupNames: [...new Set(names)].toSorted(),
    floatingIps: ports.flatMap(({ floatingIps }) =>
      floatingIps.map(({ fixedAddress, address }) => ({ fixedAddress, address })),
    ),
  };
}

/** Tells whether the agent has to learn of a change in the network service. */
export const factsDigest = (ports: readonly ServerPort[]): string =>
  createHash('sha256')
    .update(JSON.stringify(networkFacts(ports)))
    .digest('base64url')
    .slice(0, 16);
