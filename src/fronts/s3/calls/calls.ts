import { S3Failure } from '../failure.ts';
import type { Reply, Scene } from '../scene.ts';
import * as acl from './acl.calls.ts';
import * as bucket from './bucket.calls.ts';
import * as settings from './bucket-settings.calls.ts';
import * as listing from './listing.calls.ts';
import { objectsDelete } from './objects-delete.call.ts';
import { objectCopyCall } from './object-copy.call.ts';
import { objectDeleteCall } from './object-delete.call.ts';
import { objectAttributes } from './object-attributes.call.ts';
import * as read from './object-read.calls.ts';
import * as marks from './object-marks.calls.ts';
import { objectPost } from './object-post.call.ts';
import { objectPutCall } from './object-put.call.ts';
import * as upload from './upload.calls.ts';
import { partCopy, partUpload } from './upload-part.calls.ts';
import { uploadCompleteCall } from './upload-complete.call.ts';

export interface Call {
  /** As AWS names it. */
  readonly name: string;
  /** False: it makes the bucket, or needs none. */
  readonly needsBucket: boolean;
  readonly run: (scene: Scene) => Promise<Reply>;
}

type Level = 'service' | 'bucket' | 'object';

const call = (name: string, run: Call['run'], needsBucket = true): Call => ({
  name,
  needsBucket,
  run,
});

/** By level, method and the query parameter that names a part of the thing; `-` where there is none. */
const calls: Readonly<Record<string, Call>> = {
  'service GET -': call('ListBuckets', bucket.bucketsList, false),

  'bucket PUT -': call('CreateBucket', bucket.bucketCreate, false),
  'bucket HEAD -': call('HeadBucket', bucket.bucketHead),
  'bucket DELETE -': call('DeleteBucket', bucket.bucketDelete),
  'bucket GET -': call('ListObjects', listing.objectsList),
  'bucket GET versions': call('ListObjectVersions', listing.versionsList),
  'bucket GET uploads': call('ListMultipartUploads', upload.uploadsList),
  'bucket POST delete': call('DeleteObjects', objectsDelete),
  'bucket POST -': call('PostObject', objectPost),
  'bucket GET location': call('GetBucketLocation', bucket.bucketLocation),
  'bucket GET acl': call('GetBucketAcl', acl.bucketAclGet),
  'bucket PUT acl': call('PutBucketAcl', acl.bucketAclPut),
  'bucket GET versioning': call('GetBucketVersioning', settings.versioningGet),
  'bucket PUT versioning': call('PutBucketVersioning', settings.versioningPut),
  'bucket GET policy': call('GetBucketPolicy', settings.policyGet),
  'bucket PUT policy': call('PutBucketPolicy', settings.policyPut),
  'bucket DELETE policy': call('DeleteBucketPolicy', settings.policyDelete),
  'bucket GET policyStatus': call('GetBucketPolicyStatus', settings.policyStatusGet),
  'bucket GET cors': call('GetBucketCors', settings.cors.get),
  'bucket PUT cors': call('PutBucketCors', settings.cors.put),
  'bucket DELETE cors': call('DeleteBucketCors', settings.cors.remove),
  'bucket GET lifecycle': call('GetBucketLifecycleConfiguration', settings.lifecycle.get),
  'bucket PUT lifecycle': call('PutBucketLifecycleConfiguration', settings.lifecycle.put),
  'bucket DELETE lifecycle': call('DeleteBucketLifecycle', settings.lifecycle.remove),
  'bucket GET website': call('GetBucketWebsite', settings.website.get),
  'bucket PUT website': call('PutBucketWebsite', settings.website.put),
  'bucket DELETE website': call('DeleteBucketWebsite', settings.website.remove),
  'bucket GET tagging': call('GetBucketTagging', settings.tagging.get),
  'bucket PUT tagging': call('PutBucketTagging', settings.tagging.put),
  'bucket DELETE tagging': call('DeleteBucketTagging', settings.tagging.remove),
  'bucket GET publicAccessBlock': call('GetPublicAccessBlock', settings.accessBlock.get),
  'bucket PUT publicAccessBlock': call('PutPublicAccessBlock', settings.accessBlock.put),
  'bucket DELETE publicAccessBlock': call('DeletePublicAccessBlock', settings.accessBlock.remove),
  'bucket GET ownershipControls': call('GetBucketOwnershipControls', settings.ownership.get),
  'bucket PUT ownershipControls': call('PutBucketOwnershipControls', settings.ownership.put),
  'bucket DELETE ownershipControls': call(
    'DeleteBucketOwnershipControls',
    settings.ownership.remove,
  ),
  'bucket GET encryption': call('GetBucketEncryption', settings.encryption.get),
  'bucket PUT encryption': call('PutBucketEncryption', settings.encryption.put),
  'bucket DELETE encryption': call('DeleteBucketEncryption', settings.encryption.remove),
  'bucket GET object-lock': call('GetObjectLockConfiguration', settings.objectLockGet),
  'bucket PUT object-lock': call('PutObjectLockConfiguration', settings.objectLockPut),
  'bucket GET notification': call('GetBucketNotificationConfiguration', settings.notificationGet),
  'bucket PUT notification': call('PutBucketNotificationConfiguration', settings.notificationPut),
  'bucket GET logging': call('GetBucketLogging', settings.loggingGet),
  'bucket PUT logging': call('PutBucketLogging', settings.loggingPut),
  'bucket GET requestPayment': call('GetBucketRequestPayment', settings.paymentGet),
  'bucket PUT requestPayment': call('PutBucketRequestPayment', settings.paymentPut),

  'object GET -': call('GetObject', read.objectGetCall),
  'object HEAD -': call('HeadObject', read.objectGetCall),
  'object PUT -': call('PutObject', objectPutCall),
  'object PUT copy': call('CopyObject', objectCopyCall),
  'object DELETE -': call('DeleteObject', objectDeleteCall),
  'object GET attributes': call('GetObjectAttributes', objectAttributes),
  'object GET acl': call('GetObjectAcl', acl.objectAclGet),
  'object PUT acl': call('PutObjectAcl', acl.objectAclPut),
  'object GET tagging': call('GetObjectTagging', marks.tagsGet),
  'object PUT tagging': call('PutObjectTagging', marks.tagsPut),
  'object DELETE tagging': call('DeleteObjectTagging', marks.tagsDelete),
  'object GET retention': call('GetObjectRetention', marks.retentionGet),
  'object PUT retention': call('PutObjectRetention', marks.retentionPut),
  'object GET legal-hold': call('GetObjectLegalHold', marks.legalHoldGet),
  'object PUT legal-hold': call('PutObjectLegalHold', marks.legalHoldPut),
  'object POST uploads': call('CreateMultipartUpload', upload.uploadCreateCall),
  'object GET uploadId': call('ListParts', upload.partsList),
  'object PUT uploadId': call('UploadPart', partUpload),
  'object PUT uploadId copy': call('UploadPartCopy', partCopy),
  'object POST uploadId': call('CompleteMultipartUpload', uploadCompleteCall),
  'object DELETE uploadId': call('AbortMultipartUpload', upload.uploadAbortCall),
};

/** Parts of AWS's S3 that there are none of here: nobody shall believe that they worked. */
const unsupported = new Set([
  ...[
    'accelerate',
    'analytics',
    'append',
    'intelligent-tiering',
    'inventory',
    'metadataConfiguration',
  ],
  ...[
    'metadataTable',
    'metrics',
    'renameObject',
    'replication',
    'restore',
    'select',
    'session',
    'torrent',
  ],
]);
/** `bucket GET acl`: every call there is, for tests that must not miss one. */
export const callNames: readonly string[] = Object.keys(calls);
const parts = new Set(Object.keys(calls).flatMap((name) => name.split(' ')[2] ?? []));

export function callOf(scene: Scene): Call {
  const { bucket: name, key } = scene.address;
  const level: Level = name === null ? 'service' : key === null ? 'bucket' : 'object';
  const { method = 'GET' } = scene.request;
  const other = scene.query.find(([text]) => unsupported.has(text));
  if (other !== undefined) throw new S3Failure('NotImplemented', `${other[0]} is not implemented`);
  const part = scene.query.find(
    ([text]) => text !== '-' && text !== 'delete' && parts.has(text),
  )?.[0];
  const named = part ?? (level === 'bucket' && scene.has('delete') ? 'delete' : '-');
  const isCopy = method === 'PUT' && scene.header('x-amz-copy-source') !== null;
  const base = `${level} ${method} ${named}`;
  const wanted = isCopy && (named === '-' || named === 'uploadId') ? copyName(base) : base;
  const found = Object.hasOwn(calls, wanted) ? calls[wanted] : undefined;
  if (found !== undefined) return found;
  throw new S3Failure('MethodNotAllowed', undefined, {
    fields: { Method: method, ResourceType: level.toUpperCase() },
  });
}

const copyName = (base: string): string =>
  base.endsWith(' -') ? base.replace(/-$/, 'copy') : `${base} copy`;
