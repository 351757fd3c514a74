import { Failure } from '../kernel/errors.ts';
import { accessKeyGet } from './access-key.ts';
import { isEc2Signed, isS3Signed, type SignedRequest } from './access-signature.ts';
import type { SignedBodyWanted, SignedWanted } from './access-token.schema.ts';
import { unauthenticated } from './auth-failure.ts';
import type { IdentityContext } from './identity.world.ts';
import { auditIdMake, tokenIssue, type IssuedToken } from './token.ts';

/** How old a signed request may be, as in Keystone. */
const requestLifeMs = 15 * 60_000;

/** The front of EC2 or S3 has a request and a signature, and asks who that is. */
export async function signedTokenIssue(
  context: IdentityContext,
  kind: 'ec2' | 's3',
  body: SignedBodyWanted,
): Promise<IssuedToken> {
  context.authorize(`identity:${kind}tokens_validate`);
  const wanted = body.credentials ?? body.credential ?? body.ec2Credentials ?? {};
  try {
    const issued = await issue(context, kind, wanted);
    attemptRecord(context, issued.state.actor.userId, null);
    return issued;
  } catch (error) {
    if (error instanceof Failure) attemptRecord(context, userNamed(error), error);
    throw error;
  }
}

async function issue(
  context: IdentityContext,
  kind: 'ec2' | 's3',
  wanted: SignedWanted,
): Promise<IssuedToken> {
  const { world, clock } = context;
  const { access, signature = '' } = wanted;
  if (access === undefined) throw unauthenticated('no access key');
  const key = await accessKeyGet(world, access);
  if (key === null)
    throw unauthenticated('no such access key, or its user, project or roles are gone');
  const isSigned =
    kind === 's3'
      ? isS3Signed(key.secret, Buffer.from(wanted.token ?? '', 'base64'), signature)
      : isEc2Signed(key.secret, requestOf(wanted));
  if (!isSigned) throw unauthenticated('the signature is wrong', key.claims.userId);
  ageCheck(wanted, clock.now());
  const now = clock.now();
  const issued = await tokenIssue(world, {
    ...key.claims,
    issuedAtMs: now,
    expiresAtMs: Math.min(now + world.settings.tokenLifeMs, key.endsAtMs),
    auditIds: [auditIdMake(world)],
  });
  if (issued === null) throw unauthenticated('no role in the project', key.claims.userId);
  return issued;
}

function requestOf(wanted: SignedWanted): SignedRequest {
  const { signature = '', verb = '', host = '', path = '', body_hash: bodyHash = '' } = wanted;
  const headers = Object.entries(texts(wanted.headers)).map(
    ([name, value]) => [name.toLowerCase().trim(), value] as const,
  );
  return {
    signature,
    verb,
    host,
    path,
    bodyHash,
    params: texts(wanted.params),
    headers: Object.fromEntries(headers),
  };
}

const texts = (values: SignedWanted['params'] = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));

/** A request that was seen on its way must not open anything later. Whoever signs no time does so knowingly. */
function ageCheck(wanted: SignedWanted, nowMs: number): void {
  const { params, headers } = requestOf(wanted);
  const text = params['Timestamp'] ?? headers['x-amz-date'] ?? params['X-Amz-Date'];
  if (text === undefined) return;
  const basic = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
  const iso = text.replace(basic, '$1-$2-$3T$4:$5:$6Z');
  const atMs = Date.parse(/Z$|[+-]\d\d:?\d\d$/.test(iso) ? iso : `${iso}Z`);
  if (Number.isNaN(atMs)) throw unauthenticated('the time of the request cannot be read');
  if (nowMs > atMs + requestLifeMs) throw unauthenticated('the signed request is too old');
}

const userNamed = ({ detail }: Failure): string =>
  typeof detail['userId'] === 'string' ? detail['userId'] : 'unknown';

function attemptRecord(context: IdentityContext, userId: string, failure: Failure | null): void {
  const why = failure?.detail['why'];
  context.audit({
    action: 'authenticate',
    outcome: failure === null ? 'success' : 'failure',
    target: { id: userId, typeURI: 'service/security/account/user' },
    ...(failure !== null && {
      reason: { code: 401, type: typeof why === 'string' ? why : failure.message },
    }),
  });
}
