import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keystoneImport, type ImportReport } from '../../identity/keystone-import.ts';
import { KeystoneUnreadable, keystoneRowsRead } from '../../identity/keystone-rows.ts';
import type { KeystoneSource } from '../../identity/keystone-source.ts';
import { secretKey, type SecretKey } from '../../identity/secret-box.ts';
import { cloudStartedOrFail, stateDirOf } from '../cloud.ts';
import {
  exitCodes,
  isSet,
  textOf,
  UserError,
  type Command,
  type CommandInput,
} from '../command.ts';
import { identityUse } from '../database-command.ts';
import { rootCheck } from '../root-check.ts';

export const importCommand: Command = {
  name: 'import',
  usage: `welkin import keystone --database URL - take over the users and projects of an existing Keystone

Reads domains, projects, roles with what they imply, users, groups, memberships, assignments, credentials, application
credentials and the ids of directory users from a Keystone database (schema of Zed; MySQL, MariaDB or PostgreSQL). Ids stay,
and so do passwords: their hashes are taken over. Nothing is written to that database, and nothing here without --apply:
the report says what would happen, tried in a transaction that is rolled back. With any error or conflict nothing is
written. It may be repeated: what is here already is left as it is.

  --database URL          [database] connection of keystone.conf
  --credential-keys DIR   [credential] key_repository of keystone.conf (default: the key of a Keystone without one)
  --apply                 write it
  --merge                 users, groups and projects whose name is taken here are those that are here (their roles and
                          credentials come, their ids and passwords do not); without it they are conflicts
  --state-dir DIR         where the cloud lives (default /var/lib/welkin)
  --json                  print the report as JSON

examples:
  welkin import keystone --database mysql+pymysql://keystone:secret@db/keystone
  welkin import keystone --database postgresql://keystone@db/keystone --credential-keys /etc/keystone/credential-keys --apply`,
  options: {
    'state-dir': { type: 'string', default: '/var/lib/welkin' },
    database: { type: 'string' },
    'credential-keys': { type: 'string' },
    apply: { type: 'boolean' },
    merge: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  words: ['keystone'],
  async run(input) {
    rootCheck();
    const database = textOf(input, 'database');
    if (input.positionals[0] !== 'keystone' || database === undefined)
      throw new UserError('say from where: welkin import keystone --database URL', exitCodes.usage);
    const keys = credentialKeysRead(textOf(input, 'credential-keys'));
    const cloud = cloudStartedOrFail(stateDirOf(input));
    const source = await sourceOpen(database);
    try {
      const report = await identityUse(cloud, async (world) => {
        const rows = await keystoneRowsRead(source, world, keys);
        return await keystoneImport(world, rows, {
          apply: isSet(input, 'apply'),
          merge: isSet(input, 'merge'),
        });
      });
      print(input, report);
      return report.conflicts.length > 0 ? exitCodes.failed : exitCodes.ok;
    } catch (error) {
      if (error instanceof KeystoneUnreadable) throw new UserError(error.message);
      throw error;
    } finally {
      await source.close();
    }
  },
};

/** Keystone's keys have no number but 0 that signs nothing yet; one without keys uses 32 zero bytes. */
function credentialKeysRead(directory: string | undefined): SecretKey[] {
  if (directory === undefined) return [secretKey(Buffer.alloc(32))];
  try {
    const names = readdirSync(directory).filter((name) => /^\d+$/.test(name));
    return names.map((name) =>
      secretKey(Buffer.from(readFileSync(join(directory, name), 'utf8').trim(), 'base64url')),
    );
  } catch (error) {
    throw new UserError(
      `--credential-keys ${directory}: ${error instanceof Error ? error.message : 'cannot be read'}`,
    );
  }
}

async function sourceOpen(database: string): Promise<KeystoneSource> {
  const { keystoneSourceOpen } = await import('../../engines/keystone/source.ts');
  try {
    return await keystoneSourceOpen(database);
  } catch (error) {
    // The address has a password in it.
    const reason = error instanceof Error ? error.message.replaceAll(database, '...') : '';
    throw new UserError(`the Keystone database cannot be opened: ${reason}`);
  }
}

function print(input: CommandInput, report: ImportReport): void {
  if (isSet(input, 'json')) {
    console.log(JSON.stringify(report, null, 2));
    return;
  }
  const columns = ['found', 'new', 'here', 'merged'];
  console.log(`${''.padEnd(34)}${columns.map((name) => name.padStart(8)).join('')}`);
  for (const { what, found, added, present, merged } of report.counts) {
    const numbers = [found, added, present, merged].map((count) => String(count).padStart(8));
    console.log(`${what.padEnd(34)}${numbers.join('')}`);
  }
  for (const line of report.skipped) console.log(`left out: ${line}`);
  for (const line of report.dangling) console.log(`left out: ${line}`);
  for (const line of report.conflicts) console.log(`conflict: ${line}`);
  const end = report.applied
    ? 'All of it was written.'
    : report.conflicts.length > 0
      ? 'Nothing was written, because names are taken. Rename them there or here, or use --merge.'
      : 'Nothing was written. To write it, give --apply.';
  console.log(`\n${end}`);
}
