/**
 * Saves the memory of a paused guest to a file and loads it into a process that waits for it: a migration to and from
 * a unix socket, because the sandbox lets QEMU start no program and version 7.2 knows no migration to a file.
 */
import { chmod, chown, open, rm, type FileHandle } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import type { Clock } from '../../kernel/clock.ts';
import { AgentFailure } from '../failure.ts';
import { asNoSpace } from '../storage/files.ts';
import type { Qmp } from './qmp.ts';

export interface MemoryFile {
  readonly path: string;
  /** Made for the time of the transfer. */
  readonly socketPath: string;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly clock: Clock;
}

const idleLimitMs = 60_000;
const bufferBytes = 1 << 20;
const bandwidthBytes = 4 * 2 ** 30;

interface MigrationStatus {
  readonly status?: string;
  readonly 'error-desc'?: string;
}

/** Writes the whole memory durably; on failure the guest is where it was, paused, and no file is left. */
export async function memorySave(qmp: Qmp, memory: MemoryFile): Promise<void> {
  await rm(memory.socketPath, { force: true });
  const file = await open(memory.path, 'w', 0o600);
  const server = createServer();
  try {
    const connection = new Promise<Socket>((resolve) => server.once('connection', resolve));
    await new Promise<void>((resolve) => server.listen(memory.socketPath, resolve));
    await chmod(memory.socketPath, 0o600);
    await chown(memory.socketPath, memory.owner.uid, memory.owner.gid);
    await qmp.execute('migrate-set-parameters', { 'max-bandwidth': bandwidthBytes });
    await qmp.execute('migrate', { uri: `unix:${memory.socketPath}` });
    const socket = await Promise.race([connection, qmp.closed.then(() => null)]);
    if (socket === null) throw new AgentFailure('qemu', 'the process ended while it was suspended');
    await streamToFile(socket, file);
    await migrationEnd(qmp, memory.clock);
    await file.sync();
  } catch (error) {
    await qmp.execute('migrate_cancel').catch(() => {});
    await rm(memory.path, { force: true });
    throw asNoSpace(error, 'saving the memory of a server');
  } finally {
    await file.close();
    server.close();
    await rm(memory.socketPath, { force: true });
  }
}

async function streamToFile(socket: Socket, file: FileHandle): Promise<void> {
  socket.setTimeout(idleLimitMs, () => socket.destroy(new Error('the migration stands still')));
  try {
    for await (const chunk of socket) await file.writeFile(chunk as Buffer);
  } finally {
    socket.destroy();
  }
}

/** Feeds the file to a process that was started to wait for it; afterwards the guest is paused. */
export async function memoryLoad(qmp: Qmp, memory: MemoryFile): Promise<void> {
  await rm(memory.socketPath, { force: true });
  await qmp.execute('migrate-incoming', { uri: `unix:${memory.socketPath}` });
  const file = await open(memory.path);
  const socket = connect(memory.socketPath);
  try {
    await fileToStream(file, socket);
    await migrationEnd(qmp, memory.clock);
  } finally {
    socket.destroy();
    await file.close();
    await rm(memory.socketPath, { force: true });
  }
}

async function fileToStream(file: FileHandle, socket: Socket): Promise<void> {
  const failure = new Promise<never>((_, reject) => {
    socket.once('error', reject);
    socket.setTimeout(idleLimitMs, () => reject(new Error('the migration stands still')));
  });
  failure.catch(() => {});
  const buffer = Buffer.allocUnsafe(bufferBytes);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, bufferBytes, null);
    if (bytesRead === 0) break;
    const written = new Promise<void>((resolve) => {
      socket.write(buffer.subarray(0, bytesRead), () => resolve());
    });
    await Promise.race([written, failure]);
  }
  const ended = new Promise<void>((resolve) => socket.end(() => resolve()));
  await Promise.race([ended, failure]);
}

/** All bytes have passed; QEMU takes a moment to say so. */
async function migrationEnd(qmp: Qmp, clock: Clock): Promise<void> {
  const deadline = clock.now() + idleLimitMs;
  for (;;) {
    const migration = await qmp.execute<MigrationStatus>('query-migrate');
    if (migration.status === 'completed') return;
    if (migration.status === 'failed' || migration.status === 'cancelled') {
      throw new AgentFailure('qemu', migration['error-desc'] ?? `migration ${migration.status}`);
    }
    if (clock.now() > deadline) throw new AgentFailure('qemu', 'the migration does not end');
    await clock.sleep(5);
  }
}
