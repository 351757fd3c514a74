import { bucketAccount } from '../../../object/bucket.ts';
import {
  containerCreate,
  containerDelete,
  containerGet,
  containerList,
} from '../../../object/container.ts';
import { regionsOf } from '../authenticate.ts';
import { allow } from '../authorize.ts';
import { bodyDocument } from '../body.ts';
import { badArgument, S3Failure } from '../failure.ts';
import { Bucket, jsonOf, type Reply, type Scene } from '../scene.ts';
import { aclIsPublic, aclOfHeaders, type Grant } from '../settings/acl.ts';
import { ownershipOf } from '../settings/access-block.ts';
import { isBucketName } from '../wire/address.ts';
import { onlyChildren, rootNamed, textOf } from '../wire/xml-read.ts';
import { element, elementIf, isoSeconds, xmlDocument } from '../wire/xml-write.ts';
import { ownerNames } from '../owner-names.ts';

const pageMax = 10_000;

export async function bucketsList(scene: Scene): Promise<Reply> {
  const { caller, world } = scene;
  scene.wasAsked = true;
  if (caller.owner === null || caller.account === null || !caller.canRead) {
    throw new S3Failure('AccessDenied');
  }
  const limit = countParam(scene, 'max-buckets', pageMax);
  const prefix = scene.param('prefix') ?? '';
  const found = await containerList(world, {
    account: caller.account,
    prefix,
    marker: markerOf(scene.param('continuation-token')),
    limit: limit + 1,
  });
  // What S3 could not name is no bucket.
  const page = found.slice(0, limit).filter(({ name }) => isBucketName(name));
  const next = found.length > limit ? found[limit - 1]?.name : undefined;
  const { id, name } = caller.owner;
  const buckets = page.map(
    ({ name: bucket, createdUs }) =>
      `<Bucket>${element('Name', bucket)}${element('CreationDate', isoSeconds(createdUs))}</Bucket>`,
  );
  return {
    status: 200,
    xml: xmlDocument(
      'ListAllMyBucketsResult',
      `<Owner>${element('ID', id)}${element('DisplayName', name)}</Owner><Buckets>${buckets.join('')}</Buckets>` +
        elementIf('ContinuationToken', next && Buffer.from(next).toString('base64')) +
        elementIf('Prefix', scene.param('prefix')),
    ),
  };
}

const markerOf = (token: string | null): string =>
  token === null ? '' : Buffer.from(token, 'base64').toString();

export function countParam(scene: Scene, name: string, most: number): number {
  const text = scene.param(name);
  if (text === null || text === '') return most;
  if (!/^\d{1,10}$/.test(text) || Number(text) > 2 ** 31 - 1) {
    throw badArgument(name, text, `Argument ${name} must be an integer between 0 and 2147483647`);
  }
  return Math.min(Number(text), most);
}

export async function bucketCreate(scene: Scene): Promise<Reply> {
  const { caller, world } = scene;
  const { owner, account } = caller;
  const name = scene.address.bucket ?? '';
  scene.wasAsked = true;
  if (owner === null || account === null || !caller.canWrite) throw new S3Failure('AccessDenied');
  if (!isBucketName(name)) {
    throw new S3Failure('InvalidBucketName', undefined, { fields: { BucketName: name } });
  }
  await locationCheck(scene);
  const hasLock = lockWanted(scene);
  const ownership = ownershipWanted(scene);
  const grants = await aclOfHeaders(
    scene.headers,
    { owner, bucketOwner: owner },
    ownerNames(scene),
  );
  if (ownership === 'BucketOwnerEnforced' && grants !== null && aclIsPublic(grants)) {
    throw new S3Failure('InvalidBucketAclWithObjectOwnership');
  }
  const holder = await bucketAccount(world, name);
  if (holder !== null && holder !== account) throw new S3Failure('BucketAlreadyExists');
  const { isNew } = await containerCreate(world, {
    account,
    name,
    documents: {
      's3:owner': jsonOf(owner),
      's3:acl': jsonOf(grants ?? ([{ user: owner, permission: 'FULL_CONTROL' }] satisfies Grant[])),
      ...(ownership !== null && { 's3:ownership': ownership }),
      ...(hasLock && { 's3:object-lock': jsonOf({ rule: null }) }),
    },
    versioning: hasLock ? 'enabled' : 'off',
  });
  if (!isNew)
    throw new S3Failure('BucketAlreadyOwnedByYou', undefined, { fields: { BucketName: name } });
  return { status: 200, headers: { Location: `/${name}` } };
}

async function locationCheck(scene: Scene): Promise<void> {
  const bytes = await bodyDocument(scene);
  if (bytes.length === 0) return;
  const root = rootNamed(bytes, 'CreateBucketConfiguration');
  onlyChildren(root, ['LocationConstraint']);
  const wanted = textOf(root, 'LocationConstraint') ?? '';
  if (wanted === '' || regionsOf(scene.world).includes(wanted)) return;
  throw new S3Failure('InvalidLocationConstraint', undefined, {
    fields: { LocationConstraint: wanted },
  });
}

function lockWanted(scene: Scene): boolean {
  const text = scene.header('x-amz-bucket-object-lock-enabled');
  if (text === null || /^false$/i.test(text)) return false;
  if (/^true$/i.test(text)) return true;
  throw badArgument('x-amz-bucket-object-lock-enabled', text);
}

function ownershipWanted(scene: Scene): ReturnType<typeof ownershipOf> {
  const text = scene.header('x-amz-object-ownership');
  const ownership = ownershipOf(text);
  if (text !== null && ownership === null) {
    throw badArgument('x-amz-object-ownership', text, 'Invalid x-amz-object-ownership header');
  }
  return ownership;
}

export async function bucketHead(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:ListBucket', acl: { of: 'bucket', permission: 'READ' } });
  return {
    status: 200,
    headers: {
      'Content-Type': 'application/xml',
      'x-amz-bucket-region': scene.world.settings.region,
      'x-amz-access-point-alias': 'false',
    },
  };
}

export async function bucketLocation(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:GetBucketLocation' });
  const { region } = scene.world.settings;
  // The oldest region has no name of its own here.
  return {
    status: 200,
    xml: xmlDocument('LocationConstraint', region === 'us-east-1' ? '' : region),
  };
}

export async function bucketDelete(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:DeleteBucket' });
  await containerDelete(scene.world, scene.bucket.container);
  return { status: 204 };
}

/** The bucket as it is in this moment, for what was changed since it was found. */
export async function bucketFresh(scene: Scene): Promise<Bucket> {
  const { account, name } = scene.bucket.container;
  const container = await containerGet(scene.world, account, name);
  if (container === null) throw new S3Failure('NoSuchBucket');
  return new Bucket(container, scene.world.settings.resellerPrefix);
}
