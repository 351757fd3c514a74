/** How failures of the agent cross the wire: their kind, which control acts on, and the agent's own code for it. */
import { Failure, type FailureKind } from '../../kernel/errors.ts';
import { AgentFailure } from '../failure.ts';

export interface WireError {
  readonly kind: WireKind;
  /** `no_space` and the like; null where the kind says it all. */
  readonly code: string | null;
  readonly message: string;
}

const statuses = {
  invalid: 400,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  too_large: 413,
  unavailable: 503,
} as const satisfies Partial<Record<FailureKind, number>>;

type WireKind = keyof typeof statuses;

const isWireKind = (kind: string): kind is WireKind => Object.hasOwn(statuses, kind);

export function wireErrorOf(error: unknown): { status: number; body: WireError } {
  if (error instanceof Failure && isWireKind(error.kind)) {
    const { kind, type: code, message } = error;
    return { status: statuses[kind], body: { kind, code, message } };
  }
  if (error instanceof AgentFailure) {
    const { code, message } = error;
    return { status: 503, body: { kind: 'unavailable', code, message } };
  }
  const message = 'The agent failed; its log says why.';
  return { status: 500, body: { kind: 'unavailable', code: 'internal', message } };
}

export function failureOf(text: string, status: number): Failure {
  try {
    const { kind, code, message } = JSON.parse(text) as WireError;
    if (isWireKind(kind)) return new Failure(kind, message, code === null ? {} : { type: code });
  } catch {
    // Whoever answered was no agent of this version.
  }
  return new Failure('unavailable', `The agent answered with status ${status}.`);
}

/** Lines without a report keep a quiet watch alive. */
export const heartbeatMs = 10_000;
