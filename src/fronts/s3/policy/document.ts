import { S3Failure } from '../failure.ts';
import { operatorParse, valueFits, type Condition } from './condition.ts';
import { actionKnown } from './actions.ts';

export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly principals: Principals;
  readonly actions: Names;
  readonly resources: Names;
  readonly conditions: readonly Condition[];
}

/** `isExcluded` is what `NotAction`, `NotResource` and `NotPrincipal` mean. */
export interface Names {
  readonly names: readonly string[];
  readonly isExcluded: boolean;
}

export interface Principals {
  readonly isEveryone: boolean;
  /** Accounts, or one user of an account. */
  readonly accounts: readonly { readonly projectId: string; readonly user: string | null }[];
  readonly isExcluded: boolean;
}

export interface BucketPolicy {
  readonly version: string;
  readonly statements: readonly Statement[];
}

const limitBytes = 20 << 10;
const malformed = (message: string): S3Failure => new S3Failure('MalformedPolicy', message);

type Json = Readonly<Record<string, unknown>>;

export function policyParse(text: string, bucket: string): BucketPolicy {
  if (Buffer.byteLength(text) > limitBytes) {
    throw malformed(
      'Policies must be valid JSON and the first byte must be no more than 20480 bytes',
    );
  }
  const root = jsonObject(text);
  onlyKeys(root, ['Version', 'Id', 'Statement'], '');
  const version = root['Version'] ?? '2008-10-17';
  if (version !== '2012-10-17' && version !== '2008-10-17') {
    throw malformed('The policy must contain a valid version string');
  }
  const statements = listOf(root['Statement']);
  if (statements.length === 0) throw malformed('Missing required field Statement');
  return {
    version,
    statements: statements.map((statement) => statementParse(statement, bucket)),
  };
}

function jsonObject(text: string): Json {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (cause) {
    throw new S3Failure(
      'MalformedPolicy',
      "Policies must be valid JSON and the first byte must be '{'",
      { cause },
    );
  }
  return objectOf(root, "Policies must be valid JSON and the first byte must be '{'");
}

function objectOf(value: unknown, message: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(message);
  return value as Json;
}

const listOf = (value: unknown): readonly unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly unknown[]) : [value];

function textsOf(value: unknown, field: string): string[] {
  return listOf(value).map((item) => {
    if (typeof item === 'string') return item;
    throw malformed(`Policy has invalid ${field}`);
  });
}

function onlyKeys(of: Json, names: readonly string[], where: string): void {
  const other = Object.keys(of).find((name) => !names.includes(name));
  if (other !== undefined) throw malformed(`Unknown field ${other}${where}`);
}

const statementFields = [
  ...['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction'],
  ...['Resource', 'NotResource', 'Condition'],
];

function statementParse(value: unknown, bucket: string): Statement {
  const statement = objectOf(value, 'Statement must be an object');
  onlyKeys(statement, statementFields, ' in Statement');
  const effect = statement['Effect'];
  if (effect !== 'Allow' && effect !== 'Deny')
    throw malformed('Invalid effect: ' + textShown(effect));
  return {
    effect,
    principals: principalsParse(statement),
    actions: actionsParse(statement),
    resources: resourcesParse(statement, bucket),
    conditions: conditionsParse(statement['Condition']),
  };
}

const textShown = (value: unknown): string =>
  typeof value === 'string' ? value.slice(0, 128) : '';

/** One of two fields, and not both. */
function eitherField(statement: Json, name: string): { value: unknown; isExcluded: boolean } {
  const [value, not] = [statement[name], statement[`Not${name}`]];
  if ((value === undefined) === (not === undefined)) {
    throw malformed(
      value === undefined
        ? `Missing required field ${name}`
        : `${name} and Not${name} exclude each other`,
    );
  }
  return { value: value ?? not, isExcluded: value === undefined };
}

function principalsParse(statement: Json): Principals {
  const { value, isExcluded } = eitherField(statement, 'Principal');
  if (value === '*') return { isEveryone: true, accounts: [], isExcluded };
  const kinds = objectOf(value, 'Invalid principal in policy');
  if (Object.keys(kinds).length === 0) throw malformed('Invalid principal in policy');
  const found: { projectId: string; user: string | null }[] = [];
  let isEveryone = false;
  for (const [kind, names] of Object.entries(kinds)) {
    if (kind !== 'AWS' && kind !== 'CanonicalUser') throw malformed('Invalid principal in policy');
    for (const name of textsOf(names, 'principal')) {
      if (kind === 'AWS' && name === '*') isEveryone = true;
      else found.push(principalParse(name));
    }
  }
  return { isEveryone, accounts: found, isExcluded };
}

function principalParse(name: string): { projectId: string; user: string | null } {
  const [, projectId, user] =
    /^arn:aws:(?:iam|sts)::([\w:-]{1,64}?):(?:root|user\/(.{1,255}))$/.exec(name) ?? [];
  if (projectId !== undefined) return { projectId, user: user ?? null };
  // Only a whole account may stand without its ARN.
  if (/^[\w:.-]{1,64}$/.test(name) && !name.startsWith('arn:'))
    return { projectId: name, user: null };
  throw malformed('Invalid principal in policy');
}

function actionsParse(statement: Json): Names {
  const { value, isExcluded } = eitherField(statement, 'Action');
  const names = textsOf(value, 'action');
  if (names.length === 0 || !names.every(actionKnown)) throw malformed('Policy has invalid action');
  return { names: names.map((name) => name.toLowerCase()), isExcluded };
}

function resourcesParse(statement: Json, bucket: string): Names {
  const { value, isExcluded } = eitherField(statement, 'Resource');
  const names = textsOf(value, 'resource').map((name) => name.replace(/^arn:aws:s3:::/, ''));
  const isOurs = (name: string): boolean => {
    const [first = ''] = name.split('/', 1);
    return first === bucket || first === '*' || (/[*?]/.test(first) && isExcluded);
  };
  const all = textsOf(value, 'resource');
  const isNamed = all.every((name) => name === '*' || name.startsWith('arn:aws:s3:::'));
  if (names.length === 0 || !isNamed || !names.every(isOurs)) {
    throw malformed('Policy has invalid resource');
  }
  return { names, isExcluded };
}

/** Keys that conditions may ask for; another one is a mistake of whoever wrote the policy, not a condition that never holds. */
const knownKeys = new Set([
  ...['aws:currenttime', 'aws:epochtime', 'aws:principalaccount', 'aws:principalarn'],
  ...['aws:principaltype', 'aws:referer', 'aws:securetransport', 'aws:sourceip', 'aws:useragent'],
  ...['aws:userid', 'aws:username', 's3:authtype', 's3:delimiter', 's3:locationconstraint'],
  ...['s3:max-keys', 's3:object-lock-legal-hold', 's3:object-lock-mode'],
  ...['s3:object-lock-remaining-retention-days', 's3:object-lock-retain-until-date'],
  ...['s3:prefix', 's3:requestobjecttagkeys', 's3:resourceaccount', 's3:signatureage'],
  ...['s3:signatureversion', 's3:versionid', 's3:x-amz-acl', 's3:x-amz-content-sha256'],
  ...['s3:x-amz-copy-source', 's3:x-amz-grant-full-control', 's3:x-amz-grant-read'],
  ...['s3:x-amz-grant-read-acp', 's3:x-amz-grant-write', 's3:x-amz-grant-write-acp'],
  ...['s3:x-amz-metadata-directive', 's3:x-amz-object-ownership'],
  ...['s3:x-amz-server-side-encryption', 's3:x-amz-server-side-encryption-customer-algorithm'],
  ...['s3:x-amz-storage-class', 's3:if-match', 's3:if-none-match'],
]);
const isKnownKey = (key: string): boolean =>
  knownKeys.has(key) || /^s3:(existingobjecttag|requestobjecttag)\/./.test(key);

function conditionsParse(value: unknown): Condition[] {
  if (value === undefined) return [];
  const found: Condition[] = [];
  for (const [name, keys] of Object.entries(objectOf(value, 'Invalid Condition'))) {
    const parsed = operatorParse(name);
    if (parsed === null) throw malformed(`Invalid Condition type : ${name.slice(0, 128)}`);
    for (const [key, wanted] of Object.entries(objectOf(keys, 'Invalid Condition'))) {
      const lower = /^(s3:(?:existing|request)objecttag\/)(.*)$/is.exec(key);
      const asked = lower === null ? key.toLowerCase() : `${lower[1]?.toLowerCase()}${lower[2]}`;
      if (!isKnownKey(asked)) throw malformed('Policy has an invalid condition key');
      found.push({ ...parsed, key: asked, values: valuesParse(parsed.operator, wanted) });
    }
  }
  return found;
}

function valuesParse(operator: Condition['operator'], wanted: unknown): string[] {
  const values = listOf(wanted).map((value) => {
    if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') {
      return String(value);
    }
    throw malformed('Invalid policy syntax.');
  });
  if (values.length === 0 || !values.every((value) => valueFits(operator, value))) {
    throw malformed('Invalid policy syntax.');
  }
  return values;
}
