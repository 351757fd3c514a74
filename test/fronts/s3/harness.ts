import type { AddressInfo } from 'node:net';
import { s3Front } from '../../../src/fronts/s3/s3.front.ts';
import type { Actor } from '../../../src/kernel/policy.ts';
import { objectServer } from '../../../src/object/http/object-server.ts';
import type { Front } from '../../../src/object/front.ts';
import type { AccessKey, ObjectIdentity } from '../../../src/object/identity.port.ts';
import type { ObjectSettings } from '../../../src/object/object.world.ts';
import { storeOpen, type TestStore } from '../../object/world.ts';

export interface Person {
  readonly accessKey: string;
  readonly secret: string;
  readonly projectId: string;
  readonly roles: readonly string[];
}

const person = (accessKey: string, projectId: string, ...roles: readonly string[]): Person => ({
  accessKey,
  secret: `secret of ${accessKey}`,
  projectId,
  roles,
});

/** Two projects; the first has an owner, a colleague, a reader, and somebody without a useful role. */
export const people = {
  owner: person('AKOWNER', 'p1', 'member', 'reader'),
  colleague: person('AKCOLLEAGUE', 'p1', 'member', 'reader'),
  reader: person('AKREADER', 'p1', 'reader'),
  nobody: person('AKNOBODY', 'p1', 'other'),
  stranger: person('AKSTRANGER', 'p2', 'member', 'reader'),
} as const;
export type PersonName = keyof typeof people;

const names = new Map([
  ['p1', 'first'],
  ['p2', 'second'],
]);

function actorOf({ accessKey, projectId, roles }: Person): Actor {
  return {
    userId: `user-${accessKey}`,
    userName: accessKey.toLowerCase(),
    userDomainId: 'default',
    roles,
    serviceRoles: [],
    auditId: '',
    scope: {
      kind: 'project',
      projectId,
      projectName: names.get(projectId) ?? projectId,
      domainId: 'default',
    },
  };
}

const keys = new Map<string, AccessKey>(
  Object.values(people).map((one) => [one.accessKey, { secret: one.secret, actor: actorOf(one) }]),
);

const identity: ObjectIdentity = {
  tokenActor: async () => null,
  accessKeyFind: async (accessKey) => keys.get(accessKey) ?? null,
  projectNames: async (ids) => new Map([...names].filter(([id]) => ids.includes(id))),
};

export interface S3Server extends AsyncDisposable {
  readonly store: TestStore;
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/** A store with the S3 front alone, whose clock shows `nowMs` until it is moved. */
export async function s3Serve(
  settings: Partial<ObjectSettings> = {},
  nowMs = 1_790_000_000_000,
  swift: Front = s3Front,
): Promise<S3Server> {
  const store = await storeOpen({ identity, settings: { region: 'us-east-1', ...settings } });
  store.pass(nowMs - store.world.clock.now());
  const server = objectServer({ world: store.world, swift, s3: s3Front, tls: null });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    store,
    port,
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store[Symbol.asyncDispose]();
    },
  };
}
