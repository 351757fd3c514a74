/**
 * What to do next for one server, decided from nothing but what is wanted and what is seen: the loop that asks does one
 * step, looks again and asks again. The simulated agent asks the same function, so both have the same semantics.
 *
 * Disks of a process do not change under it: a raised revision, a new size or another memory size take effect when the
 * next process starts (control raises the incarnation for that). Interfaces follow the document while the guest runs.
 */
import type { AgentError, ServerActual, ServerWanted } from '../api.ts';

export type ProcessState = 'running' | 'paused';

export interface ServerSeen {
  /** Null: there is none. */
  readonly process: ProcessState | null;
  /** Of the newest process started. */
  readonly incarnation: number;
  /** The newest process ended without being told to. */
  readonly isEnded: boolean;
  /** A complete image of the memory lies beside the disks. */
  readonly isMemorySaved: boolean;
  /** Every wanted disk exists in its revision and size, and no other. */
  readonly areDisksBuilt: boolean;
  /** Meaningful with a process only. */
  readonly areNicsPlugged: boolean;
}

export type ServerStep =
  | 'power-off'
  | 'suspend'
  | 'nics'
  | 'pause'
  | 'continue'
  | 'memory-drop'
  | 'disks'
  | 'resume'
  | 'start'
  | 'done';

export function stepNext({ run }: Pick<ServerWanted, 'run'>, seen: ServerSeen): ServerStep {
  const isRenewed = run.incarnation > seen.incarnation && run.state !== 'suspended';
  return seen.process === null
    ? stepWithoutProcess(run.state, isRenewed, seen)
    : stepWithProcess(run.state, isRenewed, seen);
}

function stepWithProcess(
  state: ServerWanted['run']['state'],
  isRenewed: boolean,
  seen: ServerSeen,
): ServerStep {
  if (state === 'stopped' || isRenewed) return 'power-off';
  if (state === 'suspended') return 'suspend';
  if (!seen.areNicsPlugged) return 'nics';
  if (state === 'paused') return seen.process === 'paused' ? 'done' : 'pause';
  return seen.process === 'running' ? 'done' : 'continue';
}

function stepWithoutProcess(
  state: ServerWanted['run']['state'],
  isRenewed: boolean,
  seen: ServerSeen,
): ServerStep {
  if (seen.isMemorySaved) {
    if (state === 'stopped' || isRenewed) return 'memory-drop';
    return state === 'suspended' ? 'done' : 'resume';
  }
  if (!seen.areDisksBuilt) return 'disks';
  if (state === 'stopped' || state === 'suspended') return 'done';
  return seen.isEnded && !isRenewed ? 'done' : 'start';
}

/** What outlives a process of the agent, beside the wanted document, the disks and the saved memory. */
export interface ServerProgress {
  readonly generation: number;
  readonly incarnation: number;
  readonly ended: ServerActual['ended'];
  readonly error: AgentError | null;
}

export const progressNone: ServerProgress = {
  generation: 0,
  incarnation: 0,
  ended: null,
  error: null,
};

export const actualOf = (
  id: string,
  progress: ServerProgress,
  seen: Pick<ServerSeen, 'process' | 'isMemorySaved'>,
): ServerActual => ({
  id,
  generation: progress.generation,
  power: seen.process ?? (seen.isMemorySaved ? 'suspended' : 'stopped'),
  incarnation: progress.incarnation,
  ended: progress.ended,
  error: progress.error,
});
