/** A current SDK with its defaults: checksums on everything, sent as trailers where the body is a stream. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import { clientStore } from './store.ts';

test("AWS's SDK for JavaScript: checksums and trailers, parts, conditions, versions", async () => {
  await using store = await clientStore();
  const client = new S3Client({
    endpoint: store.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: store.accessKey, secretAccessKey: store.secret },
  });
  const Bucket = 'bucket';
  await client.send(new CreateBucketCommand({ Bucket }));
  const put = await client.send(new PutObjectCommand({ Bucket, Key: 'a/ü +', Body: 'hello' }));
  assert.equal(put.ChecksumCRC32, 'NhCmhg==');
  const got = await client.send(new GetObjectCommand({ Bucket, Key: 'a/ü +' }));
  assert.equal(await got.Body?.transformToString(), 'hello');

  const data = randomBytes(300_000);
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
    const Key = `stream-${ChecksumAlgorithm}`;
    const Body = Readable.from([data.subarray(0, 100_000), data.subarray(100_000)]);
    await client.send(
      new PutObjectCommand({ Bucket, Key, Body, ContentLength: data.length, ChecksumAlgorithm }),
    );
    const back = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    assert.ok(data.equals(Buffer.from((await back.Body?.transformToByteArray()) ?? [])), Key);
  }

  const upload = { Bucket, Key: 'parts' };
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({
      ...upload,
      ChecksumAlgorithm: 'CRC32',
      ChecksumType: 'FULL_OBJECT',
    }),
  );
  const Parts: CompletedPart[] = [];
  for (const [at, size] of [5 << 20, 5 << 20, 1000].entries()) {
    const PartNumber = at + 1;
    const { ETag, ChecksumCRC32 } = await client.send(
      new UploadPartCommand({
        ...upload,
        UploadId,
        PartNumber,
        Body: Buffer.alloc(size, at),
        ChecksumAlgorithm: 'CRC32',
      }),
    );
    Parts.push({ PartNumber, ETag, ChecksumCRC32 });
  }
  const completed = await client.send(
    new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload: { Parts } }),
  );
  assert.match(completed.ETag ?? '', /-3"$/);
  const attributes = await client.send(
    new GetObjectAttributesCommand({
      ...upload,
      ObjectAttributes: ['Checksum', 'ObjectParts', 'ObjectSize'],
    }),
  );
  assert.equal(attributes.ObjectSize, (10 << 20) + 1000);
  assert.equal(attributes.ObjectParts?.TotalPartsCount, 3);
  assert.equal(attributes.Checksum?.ChecksumCRC32, completed.ChecksumCRC32);
  const second = await client.send(new GetObjectCommand({ ...upload, PartNumber: 2 }));
  assert.equal(second.ContentLength, 5 << 20);
  assert.equal((await second.Body?.transformToByteArray())?.[0], 1);

  await assert.rejects(
    client.send(new PutObjectCommand({ Bucket, Key: 'parts', Body: 'x', IfNoneMatch: '*' })),
    (error) => error instanceof S3ServiceException && error.name === 'PreconditionFailed',
  );
  await client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/parts` }));
  const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'copy' }));
  assert.equal(head.ContentLength, (10 << 20) + 1000);

  await client.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  const listed = await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 3 }));
  assert.equal(listed.IsTruncated, true);
  const Objects = (listed.Contents ?? []).map(({ Key }) => ({ Key }));
  const deleted = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  assert.equal(deleted.Deleted?.length, 3);
  const versions = await client.send(new ListObjectVersionsCommand({ Bucket }));
  assert.equal(versions.DeleteMarkers?.length, 3);
});
