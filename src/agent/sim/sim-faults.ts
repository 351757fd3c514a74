/**
 * How a simulated server goes wrong: by words in its name, so that a test of any layer above, up to a real client, can
 * ask for it. Anything else goes right.
 */
import type { AgentError, ServerWanted } from '../api.ts';

const errorWords: Readonly<Record<string, AgentError['code']>> = {
  'sim-no-space': 'no_space',
  'sim-no-image': 'no_image',
  'sim-no-network': 'no_network',
  'sim-bad-image': 'bad_image',
  'sim-qemu-fails': 'qemu',
};

/** The error that starting this server ends with. */
export function startErrorOf({ guest }: ServerWanted): AgentError | null {
  for (const [word, code] of Object.entries(errorWords)) {
    if (guest.name.includes(word)) return { code, message: `${word} is in the name of the server` };
  }
  return null;
}

type Word =
  /** No document of it is ever carried out. */
  | 'sim-hangs'
  /** Its process dies as soon as it runs. */
  | 'sim-crashes'
  /** The guest switches itself off as soon as it runs. */
  | 'sim-shuts-down'
  /** The guest does not listen to the power button. */
  | 'sim-ignores-power'
  | 'sim-no-guest-agent'
  /** The guest leaves a password at its metadata service as soon as it runs. */
  | 'sim-leaves-password'
  | 'sim-snapshot-fails';

export const isNamed = ({ guest }: ServerWanted, word: Word): boolean => guest.name.includes(word);
