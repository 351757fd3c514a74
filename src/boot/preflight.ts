import { existsSync, statfsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import { addressNumber, cidrParse, listenText, rangesMeet, type Listen } from './addresses.ts';
import { cloudStarted, type Cloud } from './cloud.ts';
import { UserError } from './command.ts';
import { policyFileRead } from './policy-file.ts';
import { rootCheck } from './root-check.ts';
import { portHolder } from './port-holder.ts';

const freeMibMin = 512;

/** Everything that can be known to fail before anything is made. Throws one message for the first that does. */
export async function preflight({ layout, configuration }: Cloud): Promise<void> {
  rootCheck();
  pathCheck(layout.stateDir);
  spaceCheck(layout.stateDir);
  policyCheck(configuration.policyFile);
  rangeCheck({ layout, configuration });
  await portCheck(configuration.listen);
  await portCheck(configuration.object.listen, '--object-listen');
}

/** Linux allows 107 characters for the path of a socket; the longest of ours lies 69 below the state directory. */
const stateDirMax = 38;

/** Control and guests are not root and have to reach their folders. */
export function pathCheck(stateDir: string): void {
  if (Buffer.byteLength(stateDir) > stateDirMax)
    throw new UserError(
      `the path ${stateDir} is too long for the sockets of guests; choose a --state-dir of at most ${stateDirMax} characters`,
    );
  const there = lowestThere(stateDir);
  if (!statSync(there).isDirectory())
    throw new UserError(`${there} is a file and no directory; choose another --state-dir`);
  for (let folder = dirname(stateDir); folder !== dirname(folder); folder = dirname(folder)) {
    if (!existsSync(folder) || (statSync(folder).mode & 0o001) !== 0) continue;
    throw new UserError(
      `the state directory ${stateDir} lies in ${folder}, which only its owner may enter, but control and guests ` +
        `run as other users; choose another --state-dir, or: chmod o+x ${folder}`,
    );
  }
}

/** The path itself, or as much of it as there is. */
function lowestThere(path: string): string {
  let there = path;
  while (!existsSync(there)) there = dirname(there);
  return there;
}

/** Control reads it as a user who is not root. */
function policyCheck(path: string | null): void {
  if (path === null) return;
  try {
    policyFileRead(path);
  } catch (error) {
    throw new UserError(`policy_file: ${error instanceof Error ? error.message : String(error)}`);
  }
  if ((statSync(path).mode & 0o004) === 0)
    throw new UserError(`policy_file: control may not read ${path}; chmod o+r ${path}`);
}

function spaceCheck(stateDir: string): void {
  const folder = lowestThere(stateDir);
  const { bavail, bsize, ffree, files } = statfsSync(folder);
  const freeMib = Math.floor((bavail * bsize) / 2 ** 20);
  if (freeMib < freeMibMin)
    throw new UserError(
      `only ${freeMib} MiB are free on the disk of ${folder}, at least ${freeMibMin} MiB are needed; ` +
        'make room or choose another --state-dir',
    );
  if (files > 0 && ffree < 1000)
    throw new UserError(`the disk of ${folder} has no room for more files (${ffree} inodes left)`);
}

/** At the first start nothing of this cloud exists, so whoever has an address in its external range is another. */
export function rangeCheck({ layout, configuration }: Cloud): void {
  if (cloudStarted(layout.stateDir) !== null) return;
  const { cidr } = configuration.external;
  const wanted = cidrParse(cidr);
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const { address, netmask, family } of addresses ?? []) {
      if (family !== 'IPv4' || wanted === null) continue;
      const own = addressNumber(address) ?? 0;
      const size = 2 ** 32 - (addressNumber(netmask) ?? 0);
      const first = own - (own % size);
      if (!rangesMeet(wanted, { ...wanted, first, last: first + size - 1 })) continue;
      throw new UserError(
        `the external range ${cidr} meets ${address} on ${name} of this machine; ` +
          'give this cloud another in welkin.toml: [external] cidr = "172.24.5.0/24"',
      );
    }
  }
}

export async function portCheck(listen: Listen, option = '--listen'): Promise<void> {
  const code = await listenTry(listen);
  if (code === null) return;
  const place = listenText(listen);
  if (code === 'EADDRINUSE')
    throw new UserError(
      `${place} is taken by ${portHolder(listen.port) ?? 'another program'}; stop it or choose another ${option} HOST:PORT`,
    );
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    throw new UserError(
      `${place} is not an address of this machine; choose another ${option} HOST:PORT`,
    );
  throw new UserError(`cannot listen on ${place} (${code})`);
}

/** The code of the error that binding gives; null when the port is free. */
function listenTry({ host, port }: Listen): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
