import { S3Failure } from '../failure.ts';
import { childOf, childrenOf, flagOf, onlyChildren, rootNamed, textOf } from '../wire/xml-read.ts';
import { element, xmlDocument } from '../wire/xml-write.ts';

/** What new objects of a bucket get when their request says nothing. */
export interface DefaultEncryption {
  readonly algorithm: 'AES256';
}

export function encryptionParse(bytes: Buffer): DefaultEncryption {
  const root = rootNamed(bytes, 'ServerSideEncryptionConfiguration');
  const [rule, second] = childrenOf(root, 'Rule');
  if (rule === undefined || second !== undefined) throw new S3Failure('MalformedXML');
  onlyChildren(rule, ['ApplyServerSideEncryptionByDefault', 'BucketKeyEnabled']);
  const byDefault = childOf(rule, 'ApplyServerSideEncryptionByDefault');
  if (byDefault === null) throw new S3Failure('MalformedXML');
  algorithmCheck(textOf(byDefault, 'SSEAlgorithm') ?? '');
  if (textOf(byDefault, 'KMSMasterKeyID') !== null)
    throw new S3Failure(
      'InvalidArgument',
      'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms',
    );
  if (flagOf(rule, 'BucketKeyEnabled') === true) throw new S3Failure('NotImplemented');
  return { algorithm: 'AES256' };
}

/** Keys of a key service are not kept here: saying so beats encrypting with another key than was asked for. */
export function algorithmCheck(name: string): void {
  if (name === 'AES256') return;
  if (name.startsWith('aws:'))
    throw new S3Failure(
      'NotImplemented',
      'Server side encryption with AWS KMS managed keys is not implemented',
    );
  throw new S3Failure('InvalidEncryptionAlgorithmError');
}

export const encryptionDocument = ({ algorithm }: DefaultEncryption): string =>
  xmlDocument(
    'ServerSideEncryptionConfiguration',
    `<Rule><ApplyServerSideEncryptionByDefault>${element('SSEAlgorithm', algorithm)}</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>`,
  );
