import type { AgentError } from './api.ts';

/** What the agent reports to control when it cannot do what a document says. The message is for the operator. */
export class AgentFailure extends Error {
  override readonly name = 'AgentFailure';
  readonly code: AgentError['code'];

  constructor(code: AgentError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }
}

export function agentErrorOf(error: unknown): AgentError {
  if (error instanceof AgentFailure) return { code: error.code, message: error.message };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}
