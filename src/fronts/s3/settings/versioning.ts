import { S3Failure } from '../failure.ts';
import { onlyChildren, rootNamed, textOf } from '../wire/xml-read.ts';
import { element, xmlDocument } from '../wire/xml-write.ts';

export function versioningParse(bytes: Buffer): 'enabled' | 'suspended' {
  const root = rootNamed(bytes, 'VersioningConfiguration');
  onlyChildren(root, ['Status', 'MfaDelete', 'MFADelete']);
  const mfa = textOf(root, 'MfaDelete') ?? textOf(root, 'MFADelete');
  if (mfa !== null && mfa !== 'Disabled') throw new S3Failure('NotImplemented');
  const status = textOf(root, 'Status');
  if (status === 'Enabled') return 'enabled';
  if (status === 'Suspended') return 'suspended';
  throw status === null
    ? new S3Failure('IllegalVersioningConfigurationException')
    : new S3Failure('MalformedXML');
}

export function versioningDocument(versioning: 'off' | 'enabled' | 'suspended'): string {
  const status = versioning === 'enabled' ? 'Enabled' : 'Suspended';
  return xmlDocument(
    'VersioningConfiguration',
    versioning === 'off' ? '' : element('Status', status),
  );
}
