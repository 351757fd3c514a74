import type { ServerWanted } from '../../src/agent/api.ts';

export type RunState = ServerWanted['run']['state'];

const guest: ServerWanted['guest'] = {
  name: 'web',
  hostname: 'web',
  projectId: 'p'.repeat(32),
  userId: 'u'.repeat(32),
  availabilityZone: 'nova',
  launchIndex: 0,
  reservationId: 'r-abcdefgh',
  flavorName: 'm1.tiny',
  imageId: null,
  securityGroupNames: ['default'],
  keys: [],
  metadata: {},
  userData: null,
  adminPass: null,
  floatingIps: [],
  deviceTags: [],
};

export const serverDocument = (
  change: Partial<Omit<ServerWanted, 'run' | 'guest'>> & {
    readonly run?: Partial<ServerWanted['run']>;
    readonly guest?: Partial<ServerWanted['guest']>;
  } = {},
): ServerWanted => ({
  id: '01900000-0000-7000-8000-000000000001',
  generation: 1,
  vcpus: 1,
  ramMib: 128,
  disks: [],
  nics: [],
  configDrive: false,
  ...change,
  run: { state: 'running', incarnation: 1, graceMs: 0, ...change.run },
  guest: { ...guest, ...change.guest },
});
