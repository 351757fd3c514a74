/** The servers of this host: their documents, directories and processes, and what is left over of those that are gone. */
import { lchown, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { causesOf, conflict, notFound } from '../../kernel/errors.ts';
import { isUuid } from '../../kernel/ids.ts';
import type { ServerActual, ServerWanted } from '../api.ts';
import { processKill, processScan } from '../qemu/process.ts';
import { asNoSpace, directorySync, jsonWrite } from '../storage/files.ts';
import { consoleTrim } from './console.ts';
import type { ServerHost } from './host.ts';
import { recordRead, serverPaths, wantedRead, type ServerPaths } from './record.ts';
import { Server } from './server.ts';

const consoleTrimMs = 5000;

export interface ServersOptions {
  readonly host: ServerHost;
  readonly directory: string;
  readonly onGone: (id: string) => void;
}

export class Servers {
  readonly #host: ServerHost;
  readonly #directory: string;
  readonly #onGone: (id: string) => void;
  readonly #servers = new Map<string, Server>();
  /** Puts and deletes of one server come one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();
  /** Processes of directories whose document cannot be read. */
  readonly #undocumented = new Map<string, number>();
  readonly #stop = new AbortController();

  constructor({ host, directory, onGone }: ServersOptions) {
    this.#host = host;
    this.#directory = directory;
    this.#onGone = onGone;
  }

  /** Adopts what runs and removes what no document asks for. */
  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o711 });
    const pids = await this.#pidsById();
    for (const id of await readdir(this.#directory)) {
      await this.#found(id, pids.get(id) ?? []);
      pids.delete(id);
    }
    for (const [id, orphans] of pids) await this.#orphanRemove(id, orphans);
    await this.#tapsRemove();
    for (const server of this.#servers.values()) await server.open();
    void this.#consolesTrim();
  }

  /** Guests run on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
  }

  list(): readonly Server[] {
    return [...this.#servers.values()];
  }

  get(id: string): Server | null {
    return this.#servers.get(id) ?? null;
  }

  getOrThrow(id: string): Server {
    const server = this.#servers.get(id);
    if (server === undefined) throw notFound(`There is no server ${id} on this host.`);
    return server;
  }

  put(wanted: ServerWanted): Promise<ServerActual> {
    return this.#turn(wanted.id, async () => {
      const known = this.#servers.get(wanted.id);
      if (known === undefined) return this.#create(wanted);
      if (wanted.generation < known.wanted.generation) {
        throw conflict(`Server ${wanted.id} is at generation ${known.wanted.generation} already.`);
      }
      await jsonWrite(known.paths.wanted, wanted);
      known.put(wanted);
      return known.actual;
    });
  }

  delete(id: string): Promise<void> {
    return this.#turn(id, async () => {
      const server = this.#servers.get(id);
      if (server === undefined) return;
      // Without its document a directory is an orphan: a killed agent's next start finishes the work.
      await rm(server.paths.wanted, { force: true });
      await server.destroy();
      await rm(server.paths.directory, { recursive: true, force: true });
      this.#servers.delete(id);
      this.#onGone(id);
    });
  }

  async #create(wanted: ServerWanted): Promise<ServerActual> {
    const paths = this.#paths(wanted.id);
    const record = await recordRead(paths);
    const pid = this.#undocumented.get(wanted.id) ?? null;
    const server = new Server(this.#host, paths, { wanted, record, pid });
    try {
      await mkdir(paths.directory, { recursive: true, mode: 0o711 });
      await this.#runMake(paths);
      await jsonWrite(paths.wanted, wanted);
      await directorySync(this.#directory);
    } catch (error) {
      if (pid === null) await rm(paths.directory, { recursive: true, force: true });
      throw asNoSpace(error, `keeping the document of server ${wanted.id}`);
    }
    this.#servers.set(wanted.id, server);
    this.#undocumented.delete(wanted.id);
    await server.open();
    return server.actual;
  }

  async #runMake(paths: ServerPaths): Promise<void> {
    const { uid, gid } = this.#host.disks.owner;
    await mkdir(paths.run, { recursive: true, mode: 0o700 });
    await lchown(paths.run, uid, gid);
  }

  #paths(id: string): ServerPaths {
    return serverPaths(join(this.#directory, id));
  }

  /** Processes of this directory's servers, whoever started them. */
  async #pidsById(): Promise<Map<string, number[]>> {
    const found = await processScan((argv) => {
      const pidFile = argv[argv.indexOf('-pidfile') + 1];
      if (!argv.includes('-pidfile') || pidFile === undefined) return null;
      const directory = dirname(dirname(pidFile));
      return dirname(directory) === this.#directory ? basename(directory) : null;
    });
    const pids = new Map<string, number[]>();
    for (const { pid, found: id } of found) pids.set(id, [...(pids.get(id) ?? []), pid]);
    return pids;
  }

  async #found(id: string, [pid, ...others]: readonly number[]): Promise<void> {
    const paths = this.#paths(id);
    let wanted: ServerWanted | null = null;
    try {
      if (isUuid(id)) wanted = await wantedRead(paths);
    } catch (error) {
      // Control sends it again; until then nothing of it is touched.
      this.#host.log.error('a document cannot be read', { server: id, causes: causesOf(error) });
      if (pid !== undefined) this.#undocumented.set(id, pid);
      return;
    }
    for (const other of others) await processKill(this.#host.clock, other);
    if (wanted === null) return this.#orphanRemove(id, pid === undefined ? [] : [pid]);
    const record = await recordRead(paths);
    this.#servers.set(id, new Server(this.#host, paths, { wanted, record, pid: pid ?? null }));
  }

  async #orphanRemove(id: string, pids: readonly number[]): Promise<void> {
    this.#host.log.info('an orphan is removed', { server: id, pids });
    for (const pid of pids) await processKill(this.#host.clock, pid);
    await rm(join(this.#directory, id), { recursive: true, force: true });
  }

  async #tapsRemove(): Promise<void> {
    const wanted = new Set(
      this.list().flatMap(({ wanted: { nics } }) => nics.map(({ portId }) => portId)),
    );
    const running = this.list().flatMap((server) => server.nicPorts);
    const { network } = this.#host;
    for (const port of await network.tapList()) {
      if (!wanted.has(port) && !running.includes(port)) await network.tapRemove(port);
    }
  }

  async #turn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(id);
    const turn = (async () => {
      await before?.catch(() => {});
      return work();
    })();
    this.#turns.set(id, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    }
  }

  async #consolesTrim(): Promise<void> {
    const { clock, log } = this.#host;
    while (!this.#stop.signal.aborted) {
      await clock.sleep(consoleTrimMs, this.#stop.signal);
      for (const { process, paths } of this.#servers.values()) {
        if (process === null) continue;
        await consoleTrim(paths.run).catch((error: unknown) =>
          log.warning('a console log is not trimmed', { path: paths.run, error: String(error) }),
        );
      }
    }
  }
}
