import type { IncomingHttpHeaders } from 'node:http';
import { badArgument, S3Failure } from '../failure.ts';
import { headerText } from '../signature/claim.ts';
import {
  childOf,
  childrenOf,
  rootNamed,
  textNeeded,
  textOf,
  type XmlNode,
} from '../wire/xml-read.ts';
import { element, elementIf, xmlDocument } from '../wire/xml-write.ts';

export interface Owner {
  readonly id: string;
  readonly name: string;
}

export const permissions = ['FULL_CONTROL', 'READ', 'WRITE', 'READ_ACP', 'WRITE_ACP'] as const;
export type Permission = (typeof permissions)[number];
export type Group = 'AllUsers' | 'AuthenticatedUsers' | 'LogDelivery';

/** A user (an owner's id) or a group; plain, since it is kept as JSON. */
export interface Grant {
  readonly user?: Owner;
  readonly group?: Group;
  readonly permission: Permission;
}

const groupUris: Readonly<Record<Group, string>> = {
  AllUsers: 'http://acs.amazonaws.com/groups/global/AllUsers',
  AuthenticatedUsers: 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers',
  LogDelivery: 'http://acs.amazonaws.com/groups/s3/LogDelivery',
};
const groups = Object.keys(groupUris) as Group[];
const groupOf = (uri: string): Group | null =>
  groups.find((group) => groupUris[group] === uri) ?? null;

/** Names of owners by id; ids that nobody has are left out. */
export type OwnerNames = (ids: readonly string[]) => Promise<ReadonlyMap<string, string>>;

const grantLimit = 100;
const full = (user: Owner): Grant => ({ user, permission: 'FULL_CONTROL' });
const group = (name: Group, ...given: readonly Permission[]): Grant[] =>
  given.map((permission) => ({ group: name, permission }));

/** What the ready-made lists mean for the owner of a thing and that of the bucket around it. */
const canned: Readonly<Record<string, (owner: Owner, bucketOwner: Owner) => Grant[]>> = {
  private: (owner) => [full(owner)],
  'public-read': (owner) => [full(owner), ...group('AllUsers', 'READ')],
  'public-read-write': (owner) => [full(owner), ...group('AllUsers', 'READ', 'WRITE')],
  'authenticated-read': (owner) => [full(owner), ...group('AuthenticatedUsers', 'READ')],
  'bucket-owner-read': (owner, user) =>
    user.id === owner.id ? [full(owner)] : [full(owner), { user, permission: 'READ' }],
  'bucket-owner-full-control': (owner, user) =>
    user.id === owner.id ? [full(owner)] : [full(owner), full(user)],
  'log-delivery-write': (owner) => [full(owner), ...group('LogDelivery', 'WRITE', 'READ_ACP')],
};

export interface AclOwners {
  readonly owner: Owner;
  readonly bucketOwner: Owner;
}

export function aclCanned(name: string, { owner, bucketOwner }: AclOwners): Grant[] {
  if (name === 'aws-exec-read') throw new S3Failure('NotImplemented');
  const make = Object.hasOwn(canned, name) ? canned[name] : undefined;
  if (make === undefined) throw badArgument('x-amz-acl', name);
  return make(owner, bucketOwner);
}

const grantHeaders: Readonly<Record<string, Permission>> = {
  'x-amz-grant-full-control': 'FULL_CONTROL',
  'x-amz-grant-read': 'READ',
  'x-amz-grant-write': 'WRITE',
  'x-amz-grant-read-acp': 'READ_ACP',
  'x-amz-grant-write-acp': 'WRITE_ACP',
};

export const hasAclHeaders = (headers: IncomingHttpHeaders): boolean =>
  headers['x-amz-acl'] !== undefined || Object.keys(grantHeaders).some((name) => name in headers);

/** Null: the headers say nothing of access. */
export async function aclOfHeaders(
  headers: IncomingHttpHeaders,
  owners: AclOwners,
  namesOf: OwnerNames,
): Promise<Grant[] | null> {
  const name = headerText(headers, 'x-amz-acl');
  const given = Object.entries(grantHeaders).filter(([header]) => header in headers);
  if (name !== null && given.length > 0) {
    throw new S3Failure(
      'InvalidRequest',
      'Specifying both Canned ACLs and Header Grants is not allowed',
    );
  }
  if (name !== null) return aclCanned(name, owners);
  if (given.length === 0) return null;
  const grants = given.flatMap(([header, permission]) =>
    granteesParse(headerText(headers, header) ?? '').map((grantee) => ({ ...grantee, permission })),
  );
  return await grantsNamed(grants, namesOf);
}

function granteesParse(text: string): Omit<Grant, 'permission'>[] {
  return text.split(',').map((part) => {
    const [, kind, value = ''] = /^\s*(\w+)\s*=\s*"?([^"]*)"?\s*$/.exec(part) ?? [];
    if (kind === 'emailAddress') throw new S3Failure('UnresolvableGrantByEmailAddress');
    if (kind === 'id') return { user: { id: value, name: '' } };
    const found = kind === 'uri' ? groupOf(value) : null;
    if (found === null) throw badArgument(kind ?? '', value, 'Argument format not recognized');
    return { group: found };
  });
}

/** Who is granted something must exist, and is shown by its name. */
async function grantsNamed(grants: readonly Grant[], namesOf: OwnerNames): Promise<Grant[]> {
  if (grants.length > grantLimit) throw new S3Failure('MalformedACLError');
  const ids = grants.flatMap(({ user }) => (user === undefined ? [] : [user.id]));
  const names = await namesOf([...new Set(ids)]);
  return grants.map((grant) => {
    if (grant.user === undefined) return grant;
    const name = names.get(grant.user.id);
    if (name === undefined) throw badArgument('CanonicalUser/ID', grant.user.id, 'Invalid id');
    return { ...grant, user: { id: grant.user.id, name } };
  });
}

export async function aclParse(bytes: Buffer, owner: Owner, namesOf: OwnerNames): Promise<Grant[]> {
  const root = rootNamed(bytes, 'AccessControlPolicy');
  const ownerNode = childOf(root, 'Owner');
  const list = childOf(root, 'AccessControlList');
  if (ownerNode === null || list === null) throw new S3Failure('MalformedACLError');
  // An owner is not changed by changing who may do what.
  if (textNeeded(ownerNode, 'ID') !== owner.id) throw new S3Failure('AccessDenied');
  return await grantsNamed(childrenOf(list, 'Grant').map(grantParse), namesOf);
}

function grantParse(node: XmlNode): Grant {
  const grantee = childOf(node, 'Grantee');
  const permission = permissions.find((name) => name === textOf(node, 'Permission'));
  if (grantee === null || permission === undefined) throw new S3Failure('MalformedACLError');
  const type = grantee.attributes['xsi:type'];
  if (type === 'AmazonCustomerByEmail') throw new S3Failure('UnresolvableGrantByEmailAddress');
  if (type === 'Group') {
    const found = groupOf(textNeeded(grantee, 'URI'));
    if (found === null)
      throw badArgument('Group/URI', textNeeded(grantee, 'URI'), 'Invalid group uri');
    return { group: found, permission };
  }
  if (type !== 'CanonicalUser') throw new S3Failure('MalformedACLError');
  return { user: { id: textNeeded(grantee, 'ID'), name: '' }, permission };
}

export function aclDocument({ id, name }: Owner, grants: readonly Grant[]): string {
  return xmlDocument(
    'AccessControlPolicy',
    `<Owner>${element('ID', id)}${element('DisplayName', name)}</Owner>` +
      `<AccessControlList>${grants.map(grantElement).join('')}</AccessControlList>`,
  );
}

export function grantElement({ user, group: of, permission }: Grant): string {
  const schema = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
  const grantee =
    user === undefined
      ? `<Grantee ${schema} xsi:type="Group">${elementIf('URI', of && groupUris[of])}</Grantee>`
      : `<Grantee ${schema} xsi:type="CanonicalUser">${element('ID', user.id)}${element('DisplayName', user.name)}</Grantee>`;
  return `<Grant>${grantee}${element('Permission', permission)}</Grant>`;
}

export interface AclAsker {
  /** Null: nobody in particular. */
  readonly ownerId: string | null;
  /** What is open to everybody does not count (public access block). */
  readonly ignoresPublic: boolean;
}

export function aclAllows(
  grants: readonly Grant[],
  permission: Permission,
  { ownerId, ignoresPublic }: AclAsker,
): boolean {
  return grants.some((grant) => {
    if (grant.permission !== permission && grant.permission !== 'FULL_CONTROL') return false;
    if (grant.user !== undefined) return grant.user.id === ownerId;
    if (ignoresPublic) return false;
    return grant.group === 'AllUsers' || (grant.group === 'AuthenticatedUsers' && ownerId !== null);
  });
}

export const aclIsPublic = (grants: readonly Grant[]): boolean =>
  grants.some(({ group: of }) => of === 'AllUsers' || of === 'AuthenticatedUsers');
