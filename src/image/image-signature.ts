import { constants, createVerify, X509Certificate, type KeyObject, type Verify } from 'node:crypto';
import { Failure, invalid } from '../kernel/errors.ts';
import type { Landing } from './image-bytes.ts';
import type { Image } from './image.model.ts';
import type { ImageWorld } from './image.world.ts';

const names = {
  signature: 'img_signature',
  certificate: 'img_signature_certificate_uuid',
  hash: 'img_signature_hash_method',
  key: 'img_signature_key_type',
} as const;

const hashes: Readonly<Record<string, string>> = {
  'SHA-224': 'sha224',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

/** What the certificate's key must be; curves by OpenSSL's names. */
const keyTypes: Readonly<Record<string, { readonly type: string; readonly curve?: string }>> = {
  'RSA-PSS': { type: 'rsa' },
  DSA: { type: 'dsa' },
  ECC_SECT571K1: { type: 'ec', curve: 'sect571k1' },
  ECC_SECT409K1: { type: 'ec', curve: 'sect409k1' },
  ECC_SECT571R1: { type: 'ec', curve: 'sect571r1' },
  ECC_SECT409R1: { type: 'ec', curve: 'sect409r1' },
  ECC_SECP521R1: { type: 'ec', curve: 'secp521r1' },
  ECC_SECP384R1: { type: 'ec', curve: 'secp384r1' },
};

/** An image that says of itself all that a signature needs is only taken when the signature holds. */
export const isSigned = ({ properties }: Image): boolean =>
  Object.values(names).every((name) => Object.hasOwn(properties, name));

const refused = (why: string): Failure =>
  invalid(`Signature verification for image failed: ${why}`, { type: 'SignatureVerification' });

export interface SignatureCheck {
  /** Before the first byte. */
  begin(image: Image): void;
  readonly landing: Required<Pick<Landing, 'onChunk' | 'verify'>>;
}

/** The certificate is fetched by the last byte: until then only the hash is needed. */
export function signatureCheck(world: ImageWorld): SignatureCheck {
  let signed: { readonly image: Image; readonly verifier: Verify } | null = null;
  return {
    begin(image) {
      signed = isSigned(image) ? { image, verifier: verifierOf(image) } : null;
    },
    landing: {
      onChunk: (chunk) => void signed?.verifier.update(chunk),
      async verify() {
        if (signed !== null) await signatureVerify(world, signed.image, signed.verifier);
      },
    },
  };
}

function verifierOf({ properties }: Image): Verify {
  const hash = hashes[properties[names.hash] ?? ''];
  if (hash === undefined) throw refused('the hash method is not known');
  return createVerify(hash);
}

async function signatureVerify(
  { certificates, clock }: ImageWorld,
  { properties }: Image,
  verifier: Verify,
): Promise<void> {
  const pem = await certificates.get(properties[names.certificate] ?? '');
  if (pem === null) throw refused('there is no such certificate');
  const certificate = new X509Certificate(pem);
  const now = clock.now();
  if (Date.parse(certificate.validFrom) > now || Date.parse(certificate.validTo) < now) {
    throw refused('the certificate is not valid now');
  }
  const { publicKey } = certificate;
  keyCheck(publicKey, properties[names.key] ?? '');
  const signature = Buffer.from(properties[names.signature] ?? '', 'base64');
  const isPss = publicKey.asymmetricKeyType === 'rsa';
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const saltLength = constants.RSA_PSS_SALTLEN_AUTO;
  const key = isPss ? { key: publicKey, padding, saltLength } : publicKey;
  if (!verifier.verify(key, signature)) throw refused('it is not the signature of these bytes');
}

function keyCheck(key: KeyObject, wanted: string): void {
  const expected = Object.hasOwn(keyTypes, wanted) ? keyTypes[wanted] : undefined;
  if (expected === undefined) throw refused('the key type is not known');
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === expected.type && curve === expected.curve) return;
  throw refused(`the certificate has no ${wanted} key`);
}
