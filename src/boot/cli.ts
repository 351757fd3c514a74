import { ConfigError } from '../kernel/config-error.ts';
import { causesOf } from '../kernel/errors.ts';
import { programVersion } from './program-version.ts';
import { commandParse, exitCodes, isSet, UserError, type Command } from './command.ts';

/** Each command is loaded when it is asked for: `status` shall not wait for what `control` needs. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./commands/up.ts')).upCommand,
  down: async () => (await import('./commands/down.ts')).downCommand,
  supervise: async () => (await import('./commands/supervise.ts')).superviseCommand,
  object: async () => (await import('./commands/object.ts')).objectCommand,
  agent: async () => (await import('./commands/agent.ts')).agentCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  image: async () => (await import('./commands/image.ts')).imageCommand,
  keys: async () => (await import('./commands/keys.ts')).keysCommand,
  policy: async () => (await import('./commands/policy.ts')).policyCommand,
  import: async () => (await import('./commands/import.ts')).importCommand,
  bench: async () => (await import('./commands/bench.ts')).benchCommand,
  test: async () => (await import('./commands/test.ts')).testCommand,
  control: async () => (await import('./commands/control.ts')).controlCommand,
};

const help = `welkin - a private cloud on this machine

  welkin up            start the cloud, or find it running
  welkin down          stop it; guests run on (--guests: stop them too, --purge: remove everything)  welkin status        how it is: programs, memory, APIs; the exit code tells
  welkin doctor        try what the cloud needs of this machine and say what to do

  welkin image build   make the small guest image "tiny" and upload it

  welkin keys rotate   sign tokens with a new key; nobody is logged out
  welkin policy explain USER PROJECT RULE   why something is allowed or refused
  welkin import keystone   take over the users and projects of an existing Keystone

  welkin bench         measure it on this machine
  welkin test          run the project's tests

  welkin agent         the program on each host        (started by up)
  welkin object        the object store: started by up, or alone with --data DIR (Swift and S3 without a cloud)
  welkin control       the program that serves the APIs (started by up)

Every command explains itself: welkin up --help. The version: welkin --version`;

/** Runs the command line and resolves to the exit code. */
export async function cliRun(words: readonly string[]): Promise<number> {
  const [name = '--help', ...rest] = words;
  if (name === '--help' || name === '-h' || name === 'help') {
    console.log(help);
    return exitCodes.ok;
  }
  if (name === '--version') {
    console.log(programVersion);
    return exitCodes.ok;
  }
  try {
    const load = commands[name];
    if (load === undefined)
      throw new UserError(`there is no command "${name}"; see welkin --help`, exitCodes.usage);
    const command = await load();
    const input = commandParse(command, rest);
    if (isSet(input, 'help')) {
      console.log(command.usage);
      return exitCodes.ok;
    }
    return await command.run(input);
  } catch (error) {
    return errorPrint(error);
  }
}

function errorPrint(error: unknown): number {
  if (error instanceof UserError || error instanceof ConfigError) {
    console.error(`welkin: ${error.message}`);
    return error instanceof UserError ? error.exitCode : exitCodes.usage;
  }
  console.error(`welkin: this is a bug: ${causesOf(error).join('\ncaused by: ')}`);
  return exitCodes.failed;
}
