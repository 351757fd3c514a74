import { createHmac } from 'node:crypto';
import { S3Failure } from '../failure.ts';
import { credentialParse, type Scope } from './claim.ts';
import { sameText, type SigningKeys } from './v4.ts';

export type Fields = ReadonlyMap<string, string>;

/** Who signed a form; null: nobody did. */
export type FormClaim =
  | {
      readonly version: 4;
      readonly accessKey: string;
      readonly scope: Scope;
      readonly signature: string;
    }
  | { readonly version: 2; readonly accessKey: string; readonly signature: string };

export function formClaimOf(fields: Fields): FormClaim | null {
  const credential = fields.get('x-amz-credential');
  if (fields.get('policy') === undefined) {
    const isSigned =
      credential !== undefined || fields.has('awsaccesskeyid') || fields.has('signature');
    if (isSigned) throw missing('policy');
    return null;
  }
  if (credential !== undefined || fields.has('x-amz-algorithm')) {
    if (fields.get('x-amz-algorithm') !== 'AWS4-HMAC-SHA256') throw missing('x-amz-algorithm');
    const parsed = credentialParse(
      credential ?? '',
      (message) =>
        new S3Failure(
          'AuthorizationQueryParametersError',
          `Error parsing the X-Amz-Credential parameter; ${message}`,
        ),
    );
    const signature = fields.get('x-amz-signature');
    if (signature === undefined) throw missing('x-amz-signature');
    return { version: 4, ...parsed, signature };
  }
  const [accessKey, signature] = [fields.get('awsaccesskeyid'), fields.get('signature')];
  if (accessKey === undefined) throw missing('AWSAccessKeyId');
  if (signature === undefined) throw missing('signature');
  return { version: 2, accessKey, signature };
}

const missing = (name: string): S3Failure =>
  new S3Failure(
    'InvalidArgument',
    `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`,
    {
      fields: { ArgumentName: name, ArgumentValue: '' },
    },
  );

export function formClaimVerify(
  claim: FormClaim,
  fields: Fields,
  secret: { readonly text: string; readonly keys: SigningKeys },
  regions: readonly string[],
): void {
  const policy = fields.get('policy') ?? '';
  const isSame =
    claim.version === 4
      ? regions.includes(claim.scope.region) &&
        sameText(
          createHmac('sha256', secret.keys.key(secret.text, claim.scope))
            .update(policy)
            .digest('hex'),
          claim.signature,
        )
      : sameText(createHmac('sha1', secret.text).update(policy).digest('base64'), claim.signature);
  if (!isSame) throw new S3Failure('SignatureDoesNotMatch');
}

export interface PostRules {
  readonly leastBytes: number;
  readonly mostBytes: number;
}

const denied = (why: string): S3Failure =>
  new S3Failure('AccessDenied', `Invalid according to Policy: ${why}`);
const badDocument = (why: string): S3Failure =>
  new S3Failure('InvalidPolicyDocument', `Invalid Policy: ${why}`);

/** Fields that no condition has to name. */
const free = /^(awsaccesskeyid|signature|x-amz-signature|policy|file|x-ignore-.*)$/;

/** Holds every field against the policy, and the policy against the clock. */
export function postPolicyCheck(
  text: string,
  fields: Fields,
  bucket: string,
  nowMs: number,
): PostRules {
  const policy = policyRead(text);
  const expiresMs = Date.parse(policy.expiration);
  if (Number.isNaN(expiresMs))
    throw badDocument(`Invalid 'expiration' value: '${policy.expiration.slice(0, 64)}'`);
  if (expiresMs <= nowMs) throw denied('Policy expired.');
  const given = new Map([...fields, ['bucket', bucket]]);
  const named = new Set<string>();
  let [leastBytes, mostBytes] = [0, Infinity];
  for (const condition of policy.conditions) {
    const rule = conditionRead(condition);
    if (rule.kind === 'content-length-range') {
      [leastBytes, mostBytes] = [Math.max(leastBytes, rule.least), Math.min(mostBytes, rule.most)];
      continue;
    }
    named.add(rule.field);
    const value = given.get(rule.field) ?? '';
    const holds = rule.kind === 'eq' ? value === rule.value : startsWith(value, rule);
    if (!holds)
      throw denied(`Policy Condition failed: ${JSON.stringify(condition).slice(0, 1024)}`);
  }
  const extra = [...fields.keys()].filter((name) => !named.has(name) && !free.test(name));
  if (extra.length > 0) throw denied(`Extra input fields: ${extra.join(', ').slice(0, 1024)}`);
  return { leastBytes, mostBytes };
}

type Rule =
  | { readonly kind: 'eq' | 'starts-with'; readonly field: string; readonly value: string }
  | { readonly kind: 'content-length-range'; readonly least: number; readonly most: number };

/** A list of types is allowed when each of them is. */
function startsWith(
  value: string,
  { field, value: prefix }: Extract<Rule, { field: string }>,
): boolean {
  if (field !== 'content-type') return value.startsWith(prefix);
  return value.split(',').every((part) => part.trim().startsWith(prefix));
}

function policyRead(text: string): {
  readonly expiration: string;
  readonly conditions: readonly unknown[];
} {
  let root: unknown;
  try {
    root = JSON.parse(Buffer.from(text, 'base64').toString());
  } catch (cause) {
    throw new S3Failure('InvalidPolicyDocument', 'Invalid Policy: Invalid JSON.', { cause });
  }
  if (typeof root !== 'object' || root === null) throw badDocument('Invalid JSON.');
  const { expiration, conditions } = root as Record<string, unknown>;
  if (typeof expiration !== 'string') throw badDocument('Policy missing expiration.');
  if (!Array.isArray(conditions)) throw badDocument('Policy missing conditions.');
  return { expiration, conditions: conditions as readonly unknown[] };
}

function conditionRead(condition: unknown): Rule {
  if (Array.isArray(condition)) {
    const [kind, a, b] = condition as readonly unknown[];
    const name = typeof kind === 'string' ? kind.toLowerCase() : '';
    if (name === 'content-length-range') {
      const [least, most] = [Number(a), Number(b)];
      if (!(least >= 0 && most >= 0)) throw badDocument('Invalid content-length-range.');
      return { kind: name, least, most };
    }
    const isKnown = name === 'eq' || name === 'starts-with';
    if (!isKnown || typeof a !== 'string' || typeof b !== 'string' || !a.startsWith('$')) {
      throw badDocument('Invalid Simple-Condition.');
    }
    return { kind: name, field: a.slice(1).toLowerCase(), value: b };
  }
  const pairs =
    typeof condition === 'object' && condition !== null ? Object.entries(condition) : [];
  const [pair] = pairs;
  if (pair === undefined || pairs.length > 1 || typeof pair[1] !== 'string') {
    throw badDocument(
      'Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.',
    );
  }
  return { kind: 'eq', field: pair[0].toLowerCase(), value: pair[1] };
}
