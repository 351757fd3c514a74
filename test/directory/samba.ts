/** A real Active Directory domain controller (Debian's samba) on an address of its own in 127/8. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificatesMake } from '../support/certificates.ts';

export const address = '127.0.0.53';
export const realmBase = 'DC=example,DC=test';
export const administrator = { user: 'administrator@example.test', password: 'Passw0rd!Adm' };

export interface Samba extends AsyncDisposable {
  readonly url: string;
  readonly ca: string;
  tool(...argv: readonly string[]): void;
}

const startLimitMs = 300_000;

export async function sambaStart(): Promise<Samba> {
  const dir = mkdtempSync(join(tmpdir(), 'ad-'));
  const config = join(dir, 'etc', 'smb.conf');
  execFileSync(
    'samba-tool',
    [
      ...['domain', 'provision', '--realm=EXAMPLE.TEST', '--domain=EXAMPLE', '--server-role=dc'],
      ...[`--adminpass=${administrator.password}`, '--dns-backend=NONE', '--host-name=dc1'],
      ...[`--host-ip=${address}`, `--targetdir=${dir}`, '--use-rfc2307'],
    ],
    { stdio: 'ignore' },
  );
  const certificates = certificatesMake(dir, [address, 'dc1.example.test']);
  writeFileSync(config, configText(readFileSync(config, 'utf8'), dir, certificates));
  const database = ['-H', join(dir, 'private', 'sam.ldb'), '-s', config];
  const tool = (...argv: readonly string[]): void =>
    void execFileSync('samba-tool', [...argv, ...database], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  seed(tool);
  const server = spawn(
    '/usr/sbin/samba',
    ['-s', config, '-F', '--no-process-group', '--debug-stdout'],
    {
      stdio: 'ignore',
      detached: true,
      cwd: dir,
    },
  );
  const startedMs = Date.now();
  for (;;) {
    try {
      const asks = [
        '-x',
        '-H',
        `ldap://${address}`,
        '-s',
        'base',
        '-b',
        '',
        'defaultNamingContext',
      ];
      execFileSync('ldapsearch', asks, { stdio: 'ignore' });
      break;
    } catch (error) {
      if (server.exitCode !== null || Date.now() - startedMs > startLimitMs) {
        throw new Error('samba does not answer', { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
  return {
    url: `ldap://${address}`,
    ca: certificates.ca,
    tool,
    async [Symbol.asyncDispose]() {
      process.kill(-(server.pid ?? 0), 'SIGTERM');
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
      rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
    },
  };
}

/** Provisioning writes some keys twice, and the later one counts. */
function configText(
  text: string,
  dir: string,
  { ca, certificate, key }: { ca: string; certificate: string; key: string },
): string {
  const ours: Readonly<Record<string, string>> = {
    interfaces: `${address}/8`,
    'bind interfaces only': 'yes',
    'server services': 'ldap, kdc, rpc, cldap',
    'ldap server require strong auth': 'allow_sasl_over_tls',
    'pid directory': dir,
    'ntp signd socket directory': join(dir, 'ntp'),
    'log file': join(dir, 'log.%m'),
    'tls enabled': 'yes',
    'tls keyfile': key,
    'tls certfile': certificate,
    'tls cafile': ca,
  };
  const kept = text
    .split('\n')
    .filter((line) => !Object.hasOwn(ours, line.split('=')[0]?.trim() ?? ''));
  const lines = Object.entries(ours).map(([name, value]) => `\t${name} = ${value}`);
  return kept.join('\n').replace('[global]', `[global]\n${lines.join('\n')}`);
}

function seed(tool: (...argv: readonly string[]) => void): void {
  tool(
    ...['domain', 'passwordsettings', 'set', '--complexity=off', '--min-pwd-length=4'],
    ...['--min-pwd-age=0', '--account-lockout-threshold=3'],
  );
  tool('ou', 'add', 'OU=Cloud');
  for (const name of ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace']) {
    tool(
      ...['user', 'add', name, `${name}pw1`, '--userou=OU=Cloud'],
      ...[`--given-name=${name}`, '--surname=Test', `--mail-address=${name}@example.test`],
    );
  }
  for (const name of ['CloudAdmins', 'Ops', 'Everyone'])
    tool('group', 'add', name, '--groupou=OU=Cloud');
  tool('group', 'addmembers', 'CloudAdmins', 'alice');
  tool('group', 'addmembers', 'Ops', 'CloudAdmins,carol');
  tool('group', 'addmembers', 'Everyone', 'Ops,bob');
  tool('user', 'disable', 'dave');
  tool('user', 'setpassword', 'erin', '--newpassword=erinpw1', '--must-change-at-next-login');
  tool('user', 'setexpiry', 'frank', '--days=-1');
}
