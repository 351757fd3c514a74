/** A real OpenLDAP (Debian's slapd) on loopback, in a folder of its own, with 1,200 people and nested groups. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificatesMake } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';

export const base = 'dc=example,dc=test';
export const person = (name: string): string => `uid=${name},ou=people,${base}`;
const group = (name: string): string => `cn=${name},ou=groups,${base}`;
export const reader = { dn: `cn=svc,ou=system,${base}`, password: 'svcpw' };
export const peopleCount = 1_204;

export interface OpenLdap extends AsyncDisposable {
  readonly url: string;
  readonly secureUrl: string;
  readonly ca: string;
  /** Changes entries as the directory's own administrator. */
  modify(ldif: string): void;
  rename(dn: string, rdn: string): void;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function openLdapStart(): Promise<OpenLdap> {
  const dir = mkdtempSync(join(tmpdir(), 'ldap-'));
  mkdirSync(join(dir, 'db'));
  const certificates = certificatesMake(dir, ['127.0.0.1', 'localhost']);
  const [port, securePort] = [await freePort(), await freePort()];
  const url = `ldap://127.0.0.1:${port}`;
  const secureUrl = `ldaps://127.0.0.1:${securePort}`;
  const config = join(dir, 'slapd.conf');
  writeFileSync(config, configText(dir, certificates));
  writeFileSync(join(dir, 'seed.ldif'), seedText());
  writeFileSync(join(dir, 'groups.ldif'), groupsText());
  execFileSync('/usr/sbin/slapadd', ['-q', '-f', config, '-l', join(dir, 'seed.ldif')]);
  const admin = ['-x', '-H', url, '-D', `cn=admin,${base}`, '-w', 'adminpw'];
  let server: ChildProcess;
  const start = async (): Promise<void> => {
    server = spawn('/usr/sbin/slapd', ['-d', '0', '-f', config, '-h', `${url} ${secureUrl}`], {
      stdio: 'ignore',
    });
    for (let tries = 0; ; tries++) {
      try {
        execFileSync('ldapsearch', ['-x', '-H', url, '-s', 'base', '-b', ''], { stdio: 'ignore' });
        return;
      } catch (error) {
        if (tries === 300) throw new Error('slapd does not answer', { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };
  const stop = async (): Promise<void> => {
    if (server.exitCode !== null) return;
    server.kill('SIGTERM');
    await once(server, 'exit');
  };
  await start();
  // Through the server: only it keeps memberOf.
  execFileSync('ldapadd', [...admin, '-f', join(dir, 'groups.ldif')], { stdio: 'ignore' });
  return {
    url,
    secureUrl,
    ca: certificates.ca,
    modify: (ldif) => void execFileSync('ldapmodify', admin, { input: ldif, stdio: 'pipe' }),
    rename: (dn, rdn) => void execFileSync('ldapmodrdn', [...admin, '-r', dn, rdn]),
    stop,
    start,
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const configText = (
  dir: string,
  { ca, certificate, key }: { ca: string; certificate: string; key: string },
): string => `
${['core', 'cosine', 'nis', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`).join('\n')}
pidfile ${dir}/pid
argsfile ${dir}/args
modulepath /usr/lib/ldap
${['back_mdb', 'memberof', 'refint', 'ppolicy'].map((name) => `moduleload ${name}`).join('\n')}
TLSCACertificateFile ${ca}
TLSCertificateFile ${certificate}
TLSCertificateKeyFile ${key}
sizelimit 100
database mdb
maxsize 268435456
suffix "${base}"
rootdn "cn=admin,${base}"
rootpw adminpw
directory ${dir}/db
index objectClass,uid,member,memberOf,entryUUID eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous none
limits dn.exact="${reader.dn}" size.soft=100 size.hard=100 size.prtotal=unlimited
overlay memberof
memberof-group-oc groupOfNames
overlay refint
refint_attributes member memberOf
overlay ppolicy
ppolicy_default "cn=default,ou=policies,${base}"
`;

function entry(
  dn: string,
  attributes: Readonly<Record<string, string | readonly string[]>>,
): string {
  const lines = Object.entries(attributes).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}`),
  );
  return [`dn: ${dn}`, ...lines, ''].join('\n');
}

function seedText(): string {
  const folders = ['people', 'groups', 'system', 'policies'].map((ou) =>
    entry(`ou=${ou},${base}`, { objectClass: 'organizationalUnit', ou }),
  );
  const names = ['alice', 'bob', 'carol', 'dave'];
  const many = Array.from({ length: 1_200 }, (_, index) => `user${String(index).padStart(4, '0')}`);
  const people = [...names, ...many].map((uid, index) =>
    entry(person(uid), {
      objectClass: ['inetOrgPerson', 'posixAccount', 'shadowAccount'],
      uid,
      cn: uid,
      sn: uid,
      mail: `${uid}@example.test`,
      uidNumber: String(10_000 + index),
      gidNumber: '10000',
      homeDirectory: `/home/${uid}`,
      userPassword: `${uid}pw`,
    }),
  );
  return [
    entry(base, { objectClass: ['dcObject', 'organization'], o: 'Example', dc: 'example' }),
    ...folders,
    entry(reader.dn, {
      objectClass: ['organizationalRole', 'simpleSecurityObject'],
      cn: 'svc',
      userPassword: reader.password,
    }),
    entry(`cn=default,ou=policies,${base}`, {
      objectClass: ['device', 'pwdPolicy'],
      cn: 'default',
      pwdAttribute: 'userPassword',
      pwdLockout: 'TRUE',
      pwdMaxFailure: '3',
    }),
    ...people,
  ].join('\n');
}

function groupsText(): string {
  const groups: Readonly<Record<string, readonly string[]>> = {
    'cloud-admins': [person('alice')],
    dev: [person('bob')],
    ops: [person('carol'), group('cloud-admins')],
    everyone: [group('dev'), group('ops'), person('user0000')],
  };
  return Object.entries(groups)
    .map(([cn, member]) => entry(group(cn), { objectClass: 'groupOfNames', cn, member }))
    .join('\n');
}
