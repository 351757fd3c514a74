import { createHmac } from 'node:crypto';
import { S3Failure } from '../failure.ts';
import { headerText, type ClaimV2, type SignedView } from './claim.ts';
import { expiryCheck, sameText, skewMs } from './v4.ts';

/** Query parameters that are part of what is asked for, and so of what is signed. */
const signedParameters = new Set([
  ...['accelerate', 'acl', 'analytics', 'cors', 'defaultObjectAcl', 'delete', 'encryption'],
  ...['inventory', 'legal-hold', 'lifecycle', 'location', 'logging', 'metrics', 'notification'],
  ...[
    'object-lock',
    'ownershipControls',
    'partNumber',
    'policy',
    'policyStatus',
    'publicAccessBlock',
  ],
  ...[
    'replication',
    'requestPayment',
    'restore',
    'retention',
    'select',
    'select-type',
    'storageClass',
  ],
  ...[
    'tagging',
    'torrent',
    'uploadId',
    'uploads',
    'versionId',
    'versioning',
    'versions',
    'website',
  ],
  ...['response-cache-control', 'response-content-disposition', 'response-content-encoding'],
  ...['response-content-language', 'response-content-type', 'response-expires'],
]);

export function claimV2Verify(
  claim: ClaimV2,
  view: SignedView,
  secret: string,
  nowMs: number,
): void {
  timeCheck(claim, view, nowMs);
  const stringToSign = stringToSignV2(claim, view);
  const fits = (text: string): boolean =>
    sameText(createHmac('sha1', secret).update(text).digest('base64'), claim.signature);
  if (fits(stringToSign)) return;
  // boto3 signs a bucket with a slash behind it, and sends it without.
  const isBucket = view.hostBucket === null && /^\/[^/]+$/.test(view.rawPath);
  if (isBucket && fits(stringToSignV2(claim, { ...view, rawPath: `${view.rawPath}/` }))) return;
  throw new S3Failure('SignatureDoesNotMatch', undefined, {
    fields: {
      AWSAccessKeyId: claim.accessKey,
      StringToSign: stringToSign,
      SignatureProvided: claim.signature.slice(0, 128),
    },
  });
}

function timeCheck({ expiresText }: ClaimV2, { headers }: SignedView, nowMs: number): void {
  if (expiresText !== null) {
    if (!/^\d{1,10}$/.test(expiresText) || Number(expiresText) >= 2 ** 31) {
      throw new S3Failure(
        'AccessDenied',
        `Invalid date (should be seconds since epoch): ${expiresText.slice(0, 64)}`,
      );
    }
    return expiryCheck(Number(expiresText) * 1000, nowMs);
  }
  const text = headerText(headers, 'x-amz-date') ?? headers.date ?? '';
  const signedMs = Date.parse(text);
  if (Number.isNaN(signedMs)) {
    throw new S3Failure(
      'AccessDenied',
      'AWS authentication requires a valid Date or x-amz-date header',
    );
  }
  if (Math.abs(nowMs - signedMs) <= skewMs) return;
  throw new S3Failure('RequestTimeTooSkewed', undefined, {
    fields: {
      RequestTime: text,
      ServerTime: new Date(nowMs).toISOString(),
      MaxAllowedSkewMilliseconds: String(skewMs),
    },
  });
}

export function stringToSignV2({ expiresText }: ClaimV2, view: SignedView): string {
  const { method, rawPath, headers, hostBucket, query } = view;
  const amz = Object.keys(headers)
    .filter((name) => name.startsWith('x-amz-'))
    .toSorted()
    .map(
      (name) => `${name}:${(headerText(headers, name) ?? '').trim().replace(/\s*\n\s*/g, ' ')}\n`,
    )
    .join('');
  const date = expiresText ?? (headers['x-amz-date'] === undefined ? (headers.date ?? '') : '');
  const parameters = query
    .filter(([name]) => signedParameters.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join('&');
  const resource = `${hostBucket === null ? '' : `/${hostBucket}`}${rawPath}`;
  return [
    method,
    headerText(headers, 'content-md5') ?? '',
    headers['content-type'] ?? '',
    date,
    `${amz}${resource}${parameters === '' ? '' : `?${parameters}`}`,
  ].join('\n');
}
