/** Runs the system's programs: argument lists, never a shell; bounded in time, output and number. */
import { spawn } from 'node:child_process';

export interface CommandOptions {
  /** Text for standard input; without it the program reads nothing. */
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Runs it with the rights of this user. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Ends it. */
  readonly signal?: AbortSignal;
}

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly argv: readonly string[];
  /** Null: killed by a signal, or never started. */
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(argv: readonly string[], exitCode: number | null, stderr: string) {
    super(`${argv.join(' ')}: ${stderr.trim() || `ended with ${exitCode ?? 'a signal'}`}`);
    this.argv = argv;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

const outputBytesMax = 64 << 20;
const stderrCharsMax = 4096;
/** More at once only queue for the kernel's one lock over interfaces and rules. */
const runningMax = 8;

let running = 0;
const waiting: (() => void)[] = [];

/** Answers what the program wrote; throws `CommandFailed` when it does not exit with 0. */
export async function commandRun(
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  if (running >= runningMax) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await commandSpawn(argv, options);
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

function commandSpawn(argv: readonly string[], options: CommandOptions): Promise<string> {
  const [program, ...args] = argv;
  if (program === undefined) throw new TypeError('a command needs a program');
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 30_000,
      killSignal: 'SIGKILL',
      ...options.user,
      ...(options.signal && { signal: options.signal }),
    });
    const output: Buffer[] = [];
    let outputBytes = 0;
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      outputBytes += chunk.length;
      if (outputBytes > outputBytesMax) child.kill('SIGKILL');
      else output.push(chunk);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(0, stderrCharsMax);
    });
    child.on('error', (error) => reject(new CommandFailed(argv, null, error.message)));
    child.on('close', (exitCode) => {
      if (exitCode === 0) resolve(Buffer.concat(output).toString('utf8'));
      else reject(new CommandFailed(argv, exitCode, stderr));
    });
    // A program that exits before it has read everything says why with its exit code.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
  });
}
