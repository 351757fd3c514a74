/** Copies a disk of a running guest, as it is at this moment, into a file: a job of QEMU with a name we find again. */
import { AgentFailure } from '../failure.ts';
import { diskNode } from './machine.ts';
import { QmpError, type Qmp } from './qmp.ts';

/** Node names have at most 31 characters. */
const targetNode = (id: string): string => `s${id.replaceAll('-', '').slice(0, 30)}`;
const jobOf = (id: string): string => `snapshot-${id}`;

const pollMs = 2000;

interface Job {
  readonly id: string;
  readonly status: string;
  readonly error?: string;
}

export async function backupStart(
  qmp: Qmp,
  { id, diskId, path }: { id: string; diskId: string; path: string },
): Promise<void> {
  await qmp.execute('blockdev-add', {
    driver: 'qcow2',
    'node-name': targetNode(id),
    file: { driver: 'file', filename: path },
  });
  await qmp.execute('blockdev-backup', {
    'job-id': jobOf(id),
    device: diskNode(diskId),
    target: targetNode(id),
    sync: 'full',
    compress: true,
    'auto-dismiss': false,
  });
}

/** Resolves when the file is complete and closed; throws when the job failed or is not there. */
export async function backupWait(qmp: Qmp, id: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const changed = qmp.eventWait(
      ({ event, data }) => event === 'JOB_STATUS_CHANGE' && data['id'] === jobOf(id),
      { timeoutMs: pollMs, signal },
    );
    changed.catch(() => {});
    const job = await jobRead(qmp, id);
    if (job === null) throw new AgentFailure('internal', 'the process that made the copy ended');
    if (job.status === 'concluded') {
      await jobClear(qmp, id);
      if (job.error === undefined) return;
      throw new AgentFailure('qemu', `the copy of the disk failed: ${job.error}`);
    }
    await changed;
    signal.throwIfAborted();
  }
}

/** Whatever is left of it. */
export async function backupCancel(qmp: Qmp, id: string): Promise<void> {
  if ((await jobRead(qmp, id)) !== null) {
    await qmp.execute('job-cancel', { id: jobOf(id) }).catch(ignoreRefusal);
    for (let job = await jobRead(qmp, id); job !== null && job.status !== 'concluded';) {
      await qmp.eventWait(({ event }) => event === 'JOB_STATUS_CHANGE', { timeoutMs: 200 });
      job = await jobRead(qmp, id);
    }
  }
  await jobClear(qmp, id);
}

async function jobRead(qmp: Qmp, id: string): Promise<Job | null> {
  const jobs = await qmp.execute<readonly Job[]>('query-jobs');
  return jobs.find((job) => job.id === jobOf(id)) ?? null;
}

async function jobClear(qmp: Qmp, id: string): Promise<void> {
  await qmp.execute('job-dismiss', { id: jobOf(id) }).catch(ignoreRefusal);
  await qmp.execute('blockdev-del', { 'node-name': targetNode(id) }).catch(ignoreRefusal);
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof QmpError)) throw error;
}
