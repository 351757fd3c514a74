/** The agent itself, in one process: what the HTTP server serves, and what tests of real guests drive. */
import { mkdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import { invalid } from '../kernel/errors.ts';
import { isUuid } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { AgentClient, HostFacts, ImageCopy, ImageFacts, Report, ServerWanted } from './api.ts';
import { Gate } from '../kernel/gate.ts';
import { bootIdRead, hostFactsRead, qemuVersionRead } from './host-facts.ts';
import { metadataRender } from './metadata.ts';
import type { HostNetwork, MetadataOf } from './network/host-network.ts';
import { accelProbe, type Accel } from './qemu/accel.ts';
import { runPaths } from './qemu/machine.ts';
import { ReportHub } from './report-hub.ts';
import { consoleRead } from './server/console.ts';
import { serverDiagnostics } from './server/diagnostics.ts';
import { guestCommand } from './server/guest-agent.ts';
import type { ServerHost } from './server/host.ts';
import { passwordBox } from './server/password-box.ts';
import { serverPaths } from './server/record.ts';
import type { Server } from './server/server.ts';
import { Servers } from './server/servers.ts';
import { fileTimes } from './storage/files.ts';
import { imageCacheOpen, type CachedImage, type ImageCache } from './storage/images.ts';
import { Snapshots } from './storage/snapshots.ts';

export interface HostAgentOptions {
  readonly stateDir: string;
  readonly guestUid: number;
  readonly guestGid: number;
  readonly accel: 'auto' | 'kvm' | 'tcg';
  /** Of each guest that is emulated, for translated code. */
  readonly tbSizeMib: number;
  readonly qemuBinary?: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Opened with what answers metadata requests; started before any server. */
  readonly networkOpen: (lookup: {
    readonly server: (id: string) => ServerWanted | null;
    readonly metadata: MetadataOf;
  }) => Promise<HostNetwork>;
}

export interface HostAgent extends AgentClient {
  /** Ends watches and loops; guests and networks stay. */
  stop(): Promise<void>;
}

/** Of the path of a unix socket, by the kernel; a server's longest is made of its id and a name. */
const socketPathMax = 107;

export async function hostAgentOpen(options: HostAgentOptions): Promise<HostAgent> {
  const { stateDir, clock, log, guestUid } = options;
  const serversDir = join(stateDir, 'servers');
  stateDirCheck(serversDir);
  await mkdir(stateDir, { recursive: true, mode: 0o711 });
  const binary = options.qemuBinary ?? 'qemu-system-x86_64';
  const bootId = await bootIdRead();
  const qemuVersion = await qemuVersionRead(binary);
  const found = await accelFind(options, { binary, bootId });
  log.info('acceleration is chosen', { ...found });
  const images = await imageCacheOpen(join(stateDir, 'images'));
  const owner = { uid: guestUid, gid: options.guestGid };
  const parts: { servers?: Servers } = {};
  const network = await options.networkOpen({
    server: (id) => parts.servers?.get(id)?.wanted ?? null,
    metadata: (server, networks) => ({
      tree: metadataRender(server, networks),
      password: passwordBox(serverPaths(join(serversDir, server.id)).password),
    }),
  });
  const cpuModel = found.accel === 'kvm' ? 'host' : 'Nehalem';
  const snapshots: Snapshots = new Snapshots({
    directory: join(stateDir, 'snapshots'),
    host: { clock, log, disks: { images, owner } },
    source: (id) => parts.servers?.get(id) ?? null,
    report: (snapshot) => hub.publish({ kind: 'snapshot', snapshot }),
  });
  const host: ServerHost = {
    qemu: { binary, uid: guestUid, gid: found.gid, clock },
    machineType: `pc-q35-${qemuVersion.split('.').slice(0, 2).join('.')}`,
    accel: found.accel,
    cpuModel,
    tbSizeMib: options.tbSizeMib,
    bootId,
    clock,
    log,
    network,
    disks: { images, owner },
    startGate: new Gate(Math.max(2, cpus().length)),
    report: (server) => hub.publish({ kind: 'server', server }),
    copiesEnd: (serverId, which, signal) => snapshots.copiesEnd(serverId, which, signal),
  };
  const servers = new Servers({
    host,
    directory: serversDir,
    onGone: (id) => hub.publish({ kind: 'server-gone', id }),
  });
  parts.servers = servers;
  const hub = new ReportHub(() => everything({ network, snapshots, servers }));
  const facts = { accel: found.accel, cpuModel, qemuVersion, bootId };
  await network.start();
  network.onReport((document) => hub.publish({ kind: 'document', ...document }));
  await snapshots.load();
  await servers.start();
  await snapshots.start();
  return new LocalAgent({ host, servers, snapshots, images, hub, facts, stateDir });
}

function stateDirCheck(serversDir: string): void {
  const id = '0'.repeat(36);
  const longest = serverPaths(join(serversDir, id)).incoming.length;
  if (longest <= socketPathMax) return;
  const most = serversDir.length - (longest - socketPathMax);
  throw invalid(`${serversDir} is too long for sockets in it: it may have ${most} characters`);
}

/** Where the answer of the probe is remembered. */
export const accelPath = (stateDir: string): string => join(stateDir, 'accel.json');

async function accelFind(
  { accel, stateDir, guestUid: uid, guestGid: gid }: HostAgentOptions,
  { binary, bootId }: { binary: string; bootId: string },
): Promise<Accel> {
  if (accel === 'tcg') return { accel, reason: 'the configuration says so', gid };
  const probe = { binary, uid, gid, bootId, path: accelPath(stateDir) };
  const found = await accelProbe(probe);
  if (accel === 'kvm' && found.accel !== 'kvm') {
    throw invalid(`KVM is asked for and does not work here: ${found.reason}`);
  }
  return found;
}

interface Parts {
  readonly host: ServerHost;
  readonly servers: Servers;
  readonly snapshots: Snapshots;
  readonly images: ImageCache;
  readonly hub: ReportHub;
  readonly facts: Pick<HostFacts, 'accel' | 'cpuModel' | 'qemuVersion' | 'bootId'>;
  readonly stateDir: string;
}

function* everything({
  network,
  snapshots,
  servers,
}: Pick<Parts, 'snapshots' | 'servers'> & { network: HostNetwork }): Generator<Report> {
  for (const document of network.documents()) yield { kind: 'document', ...document };
  for (const snapshot of snapshots.list()) yield { kind: 'snapshot', snapshot };
  for (const { actual } of servers.list()) yield { kind: 'server', server: actual };
}

class LocalAgent implements HostAgent {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async stop(): Promise<void> {
    const { hub, snapshots, servers, host } = this.#parts;
    hub.end(null);
    await snapshots.stop();
    await servers.stop();
    await host.network.stop();
  }

  hostGet: AgentClient['hostGet'] = () => hostFactsRead(this.#parts.stateDir, this.#parts.facts);
  watch: AgentClient['watch'] = (signal) => this.#parts.hub.watch(signal);

  externalPut: AgentClient['externalPut'] = (wanted, digest) =>
    this.#network.externalPut(wanted, digest);
  externalDelete: AgentClient['externalDelete'] = (id) => this.#network.externalDelete(id);
  networkPut: AgentClient['networkPut'] = (wanted, digest) =>
    this.#network.networkPut(wanted, digest);
  networkDelete: AgentClient['networkDelete'] = (id) => this.#network.networkDelete(id);
  routerPut: AgentClient['routerPut'] = (wanted, digest) => this.#network.routerPut(wanted, digest);
  routerDelete: AgentClient['routerDelete'] = (id) => this.#network.routerDelete(id);

  imageList: AgentClient['imageList'] = async () => {
    const { images, servers } = this.#parts;
    const copies: ImageCopy[] = [];
    for (const image of images.list()) {
      const times = await fileTimes(image.path);
      if (times === null) continue;
      const { changedAt: copiedAt, readAt } = times;
      copies.push({
        ...factsOf(image),
        copiedAt,
        readAt,
        diskCount: diskCount(servers.list(), image),
      });
    }
    return copies;
  };

  imageGet: AgentClient['imageGet'] = async (imageId) => {
    const image = this.#parts.images.get(imageId);
    return image === null ? null : factsOf(image);
  };

  imagePut: AgentClient['imagePut'] = (facts, bytes) => {
    idCheck('image', facts.imageId);
    return this.#parts.images.put(facts, bytes);
  };

  imageDelete: AgentClient['imageDelete'] = async (imageId) => {
    const { images, servers } = this.#parts;
    const image = images.get(imageId);
    if (image === null) return true;
    if (diskCount(servers.list(), image) > 0) return false;
    await images.delete(imageId);
    return true;
  };

  serverPut: AgentClient['serverPut'] = async (wanted) => {
    wantedCheck(wanted);
    return this.#parts.servers.put(wanted);
  };

  serverGet: AgentClient['serverGet'] = async (id) => this.#parts.servers.get(id)?.actual ?? null;
  serverDelete: AgentClient['serverDelete'] = (id) => this.#parts.servers.delete(id);

  serverConsole: AgentClient['serverConsole'] = async (id, lines) =>
    consoleRead(this.#parts.servers.getOrThrow(id).paths.run, lines);

  serverDiagnostics: AgentClient['serverDiagnostics'] = async (id) =>
    serverDiagnostics(this.#parts.host, this.#parts.servers.getOrThrow(id));

  serverPasswordSet: AgentClient['serverPasswordSet'] = async (id, username, password) => {
    const { paths } = this.#parts.servers.getOrThrow(id);
    await guestCommand(runPaths(paths.run).guestAgent, 'guest-set-user-password', {
      username,
      password: Buffer.from(password, 'utf8').toString('base64'),
      crypted: false,
    });
  };

  serverPasswordRead: AgentClient['serverPasswordRead'] = async (id) =>
    passwordBox(this.#parts.servers.getOrThrow(id).paths.password).read();

  serverPasswordClear: AgentClient['serverPasswordClear'] = async (id) =>
    passwordBox(this.#parts.servers.getOrThrow(id).paths.password).clear();

  snapshotPut: AgentClient['snapshotPut'] = async (id, wanted) => {
    idCheck('snapshot', id);
    return this.#parts.snapshots.put(id, wanted);
  };

  snapshotGet: AgentClient['snapshotGet'] = async (id) => this.#parts.snapshots.get(id);
  snapshotRead: AgentClient['snapshotRead'] = (id) => this.#parts.snapshots.read(id);
  snapshotDelete: AgentClient['snapshotDelete'] = (id) => this.#parts.snapshots.delete(id);

  get #network(): HostNetwork {
    return this.#parts.host.network;
  }
}

function idCheck(what: string, id: string): void {
  if (!isUuid(id)) throw invalid(`The id ${id} of the ${what} is no UUID.`);
}

const diskIdPattern = /^[a-z][a-z0-9-]{0,15}$/;

/** Control is trusted, but what becomes the name of a file or a device is looked at. */
function wantedCheck({ id, disks, nics }: ServerWanted): void {
  idCheck('server', id);
  for (const disk of disks) {
    if (!diskIdPattern.test(disk.id)) throw invalid(`${disk.id} is no id of a disk.`);
    if (disk.source.kind === 'image') idCheck('image', disk.source.imageId);
  }
  for (const nic of nics) idCheck('port', nic.portId);
}

/** On a copy: what is built, and what a document wants that is not built yet. */
const diskCount = (servers: readonly Server[], { imageId, path }: CachedImage): number =>
  servers
    .map(({ wanted, disks }) =>
      Math.max(
        disks.filter(({ backingPath }) => backingPath === path).length,
        wanted.disks.filter(({ source }) => source.kind === 'image' && source.imageId === imageId)
          .length,
      ),
    )
    .reduce((sum, count) => sum + count, 0);

const factsOf = ({ imageId, format, sizeBytes, sha512 }: ImageFacts): ImageFacts => ({
  imageId,
  format,
  sizeBytes,
  sha512,
});
