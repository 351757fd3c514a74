import type { AgentError } from '../agent/api.ts';
import { Failure } from '../kernel/errors.ts';

/** The agent answered, tried and could not: asking it again is of no use. Another host may be able to. */
export class HostRefusal extends Error {
  override readonly name = 'HostRefusal';
  readonly code: AgentError['code'];
  constructor({ code, message }: AgentError, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }
}

const codes: Readonly<Record<AgentError['code'], true>> = {
  no_space: true,
  no_image: true,
  no_network: true,
  bad_image: true,
  qemu: true,
  internal: true,
};

const isCode = (text: string | null): text is AgentError['code'] =>
  text !== null && Object.hasOwn(codes, text);

/** Over the wire a refusal comes as a failure with the agent's own code; one without a code was never answered. */
export async function refusing<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Failure && isCode(error.type)) {
      throw new HostRefusal({ code: error.type, message: error.message }, error);
    }
    throw error;
  }
}
