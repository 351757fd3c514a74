import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

/** What a person can put right: printed as one message, without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export const exitCodes = { ok: 0, failed: 1, usage: 2, notRunning: 3, degraded: 4 } as const;

export interface CommandInput {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly positionals: readonly string[];
}

export interface Command {
  readonly name: string;
  readonly usage: string;
  readonly options: ParseArgsOptionsConfig;
  /** Names of the words after the command; a name that ends in `...` stands for any number. */
  readonly words?: readonly string[];
  /** Resolves to the exit code. */
  run(input: CommandInput): Promise<number>;
}

export const cloudOptions = {
  'state-dir': { type: 'string', default: '/var/lib/welkin' },
  config: { type: 'string' },
  listen: { type: 'string' },
  'object-listen': { type: 'string' },
} as const satisfies ParseArgsOptionsConfig;

export const cloudOptionsHelp = `  --state-dir DIR     where the cloud lives (default /var/lib/welkin)
  --config FILE       configuration (default DIR/welkin.toml, else ./welkin.toml, else none)
  --listen HOST:PORT  address of the API (default 127.0.0.1:5000)
  --object-listen HOST:PORT  address of the object store (default: port 8080, 3080 behind that of the API)`;

export function commandParse(command: Command, words: readonly string[]): CommandInput {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
      strict: true,
    });
    wordsCheck(command, positionals);
    return { values: values as CommandInput['values'], positionals };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const reason = error.message.split('. ')[0] ?? error.message;
    throw new UserError(
      `${command.name}: ${reason}; see welkin ${command.name} --help`,
      exitCodes.usage,
    );
  }
}

function wordsCheck(command: Command, positionals: readonly string[]): void {
  const names = command.words ?? [];
  const isOpen = names.at(-1)?.endsWith('...') ?? false;
  const surplus = positionals[names.length];
  if (!isOpen && surplus !== undefined) throw new Error(`"${surplus}" is one word too many`);
}

/** The text of an option that was given; undefined when it was not. */
export function textOf(input: CommandInput, name: string): string | undefined {
  const value = input.values[name];
  return typeof value === 'string' ? value : undefined;
}

export const isSet = (input: CommandInput, name: string): boolean => input.values[name] === true;
