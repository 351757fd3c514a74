import { answerText, storeDown, type StoreClient } from './store-http.ts';

/** Who the cloud is at somebody's Keystone. */
export interface SwiftAccount {
  /** `https://keystone.example.org/v3`. */
  readonly authUrl: string;
  readonly user: string;
  readonly userDomain: string;
  readonly project: string;
  readonly projectDomain: string;
  readonly password: string;
  readonly region: string | null;
  readonly client: StoreClient;
}

export interface SwiftSession {
  /** `isFresh`: the last token was refused. */
  open(isFresh: boolean): Promise<{ readonly storageUrl: string; readonly token: string }>;
}

interface TokenBody {
  readonly token?: {
    readonly catalog?: readonly {
      readonly type: string;
      readonly endpoints: readonly {
        readonly interface: string;
        readonly region_id: string;
        readonly url: string;
      }[];
    }[];
  };
}

/** One token for all requests; those that come while it is being fetched wait for it. */
export function swiftSession(account: SwiftAccount): SwiftSession {
  let current: ReturnType<typeof logIn> | null = null;
  return {
    async open(isFresh) {
      if (current === null || isFresh) {
        const asked = logIn(account);
        current = asked;
        asked.catch(() => {
          if (current === asked) current = null;
        });
      }
      return await current;
    },
  };
}

async function logIn(account: SwiftAccount): Promise<{ storageUrl: string; token: string }> {
  const { authUrl, user, userDomain, project, projectDomain, password, client } = account;
  const body = {
    auth: {
      identity: {
        methods: ['password'],
        password: { user: { name: user, domain: { name: userDomain }, password } },
      },
      scope: { project: { name: project, domain: { name: projectDomain } } },
    },
  };
  const answer = await client({
    method: 'POST',
    url: new URL(`${authUrl.replace(/\/$/, '')}/auth/tokens`),
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
  });
  const text = await answerText(answer);
  const token = answer.headers['x-subject-token'];
  if (answer.status !== 201 || token === undefined) {
    throw storeDown(new Error(`Keystone of the Swift store answered ${answer.status}`));
  }
  const { token: { catalog = [] } = {} } = JSON.parse(text) as TokenBody;
  const endpoint = catalog
    .find(({ type }) => type === 'object-store')
    ?.endpoints.find(
      (one) =>
        one.interface === 'public' && (account.region === null || one.region_id === account.region),
    );
  if (endpoint === undefined) throw storeDown(new Error('the catalog has no object store'));
  return { storageUrl: endpoint.url.replace(/\/$/, ''), token };
}
