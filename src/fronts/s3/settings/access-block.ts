import { S3Failure } from '../failure.ts';
import { childrenOf, flagOf, onlyChildren, rootNamed, textOf } from '../wire/xml-read.ts';
import { element, xmlDocument } from '../wire/xml-write.ts';

/** Holds against grants and policies that open a bucket to the world. */
export interface PublicAccessBlock {
  readonly blockAcls: boolean;
  readonly ignoreAcls: boolean;
  readonly blockPolicy: boolean;
  readonly restrictBuckets: boolean;
}

export const accessBlockNone: PublicAccessBlock = {
  blockAcls: false,
  ignoreAcls: false,
  blockPolicy: false,
  restrictBuckets: false,
};

export function accessBlockParse(bytes: Buffer): PublicAccessBlock {
  const root = rootNamed(bytes, 'PublicAccessBlockConfiguration');
  onlyChildren(root, [
    ...['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'],
  ]);
  return {
    blockAcls: flagOf(root, 'BlockPublicAcls') ?? false,
    ignoreAcls: flagOf(root, 'IgnorePublicAcls') ?? false,
    blockPolicy: flagOf(root, 'BlockPublicPolicy') ?? false,
    restrictBuckets: flagOf(root, 'RestrictPublicBuckets') ?? false,
  };
}

export const accessBlockDocument = (block: PublicAccessBlock): string =>
  xmlDocument(
    'PublicAccessBlockConfiguration',
    element('BlockPublicAcls', block.blockAcls) +
      element('IgnorePublicAcls', block.ignoreAcls) +
      element('BlockPublicPolicy', block.blockPolicy) +
      element('RestrictPublicBuckets', block.restrictBuckets),
  );

const ownerships = ['BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter'] as const;
export type Ownership = (typeof ownerships)[number];

export function ownershipOf(text: string | null): Ownership | null {
  return ownerships.find((name) => name === text) ?? null;
}

export function ownershipParse(bytes: Buffer): Ownership {
  const root = rootNamed(bytes, 'OwnershipControls');
  const [rule, second] = childrenOf(root, 'Rule');
  const found = rule === undefined ? null : ownershipOf(textOf(rule, 'ObjectOwnership'));
  if (found === null || second !== undefined) throw new S3Failure('MalformedXML');
  return found;
}

export const ownershipDocument = (ownership: Ownership): string =>
  xmlDocument('OwnershipControls', `<Rule>${element('ObjectOwnership', ownership)}</Rule>`);
