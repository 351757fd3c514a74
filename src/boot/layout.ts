import { createHash } from 'node:crypto';
import { join } from 'node:path';

/**
 * Control and guests run under numbers that no account of the machine uses, so nothing has to be added to
 * /etc/passwd and nothing of another program is shared with them.
 */
export const controlUid = 60_901;
export const guestUid = 60_902;

/**
 * Where everything of one cloud lies. The folder itself and `run` can be passed through but not listed by others
 * (control and guests must reach their own folders); every other folder belongs to the one account that needs it.
 */
export interface Layout {
  readonly stateDir: string;
  /** Four of 0-9a-z in the names of everything this cloud makes in the kernel: clouds share a machine by it. */
  readonly cloudId: string;
  /** Locks, pid files, the agent's socket and the configuration in force. */
  readonly runDir: string;
  readonly logDir: string;
  /** Control's own: databases, images, secrets it rotates. */
  readonly controlDir: string;
  /** The agent's own: documents, disks, sockets of guests. */
  readonly agentDir: string;
  readonly agentSocket: string;
  readonly adminPasswordFile: string;
  readonly demoPasswordFile: string;
  readonly tokenKeyDir: string;
  /** What is encrypted at rest (credentials of users) is encrypted with these. */
  readonly credentialKeyDir: string;
  readonly auditFile: string;
  readonly regionDatabase: string;
  readonly cellDatabase: string;
  readonly imageDir: string;
  readonly objectDir: string;
  /** Bytes that wait for their import. */
  readonly imageStagingDir: string;
  readonly caKey: string;
  readonly caCertificate: string;
  readonly serverKey: string;
  readonly serverCertificate: string;
  readonly cloudsFile: string;
  readonly openrcFile: string;
  readonly configurationFile: string;
  readonly supervisorFile: string;
  readonly supervisorLock: string;
}

export function layoutOf(stateDir: string): Layout {
  const at = (...parts: string[]): string => join(stateDir, ...parts);
  return {
    stateDir,
    cloudId: cloudIdOf(stateDir),
    runDir: at('run'),
    logDir: at('log'),
    controlDir: at('control'),
    agentDir: at('agent'),
    agentSocket: at('run', 'agent.sock'),
    adminPasswordFile: at('control', 'secrets', 'admin-password'),
    demoPasswordFile: at('control', 'secrets', 'demo-password'),
    tokenKeyDir: at('control', 'secrets', 'token-keys'),
    credentialKeyDir: at('control', 'secrets', 'credential-keys'),
    auditFile: at('control', 'audit.log'),
    regionDatabase: at('control', 'region.db'),
    cellDatabase: at('control', 'cell.db'),
    imageDir: at('control', 'images'),
    objectDir: at('object'),
    imageStagingDir: at('control', 'images-staging'),
    caKey: at('tls', 'ca.key'),
    caCertificate: at('tls', 'ca.crt'),
    serverKey: at('control', 'secrets', 'server.key'),
    serverCertificate: at('control', 'secrets', 'server.crt'),
    cloudsFile: at('clouds.yaml'),
    openrcFile: at('openrc'),
    configurationFile: at('run', 'configuration.json'),
    supervisorFile: at('run', 'supervisor.json'),
    supervisorLock: at('run', 'supervisor.lock'),
  };
}

/** Made from the place, so that what a cloud left in the kernel is found even when its folder is gone. */
function cloudIdOf(stateDir: string): string {
  const number = createHash('sha256').update(stateDir).digest().readUInt32BE();
  return (number % 36 ** 4).toString(36).padStart(4, '0');
}

/** The first worker of the object store, or a further one. */
export const objectUnitName = (worker: number): 'object' | `object-${number}` =>
  worker === 0 ? 'object' : `object-${worker}`;
