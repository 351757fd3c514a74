import { createHash, hash, type Hash } from 'node:crypto';
import type { StreamHash } from '../../object/object.model.ts';
import type { Received } from '../../object/object-put.ts';
import {
  checksumBytes,
  checksumCheck,
  checksumHeader,
  checksumNameOf,
  checksumNames,
  hasherNew,
  type ChecksumName,
  type Hasher,
} from './checksum/checksum.ts';
import { S3Failure } from './failure.ts';
import type { Scene } from './scene.ts';
import { ChunkedDecoder } from './signature/chunked.ts';
import { sameText } from './signature/v4.ts';

const documentLimitBytes = 1 << 20;
/** Bodies up to this are taken whole, which spares them the machinery of streams. */
const wholeBytes = 64 << 10;
/** Largest object of a single PUT, and largest part. */
const putLimitBytes = 5 * 2 ** 30;

/** A body on its way into the store. */
export interface Intake {
  readonly body: AsyncIterable<Uint8Array> | Uint8Array;
  readonly sizeBytes: number | null;
  readonly limitBytes: number;
  readonly hashes: readonly StreamHash[];
  /** After the last byte: throws where a digest differs; gives the checksum to keep. */
  finish(got: Received): { readonly name: ChecksumName; readonly value: string } | null;
}

interface WantedChecksum {
  readonly name: ChecksumName;
  /** Null: it follows in a trailer, or the store makes it because it was asked to. */
  readonly value: string | null;
  readonly isTrailer: boolean;
}

const notChecksums = /^x-amz-checksum-(type|algorithm|mode)$/;

/** The checksum that a request brings or announces. */
function checksumWanted(scene: Scene): WantedChecksum | null {
  const named = Object.keys(scene.headers).filter(
    (name) => name.startsWith('x-amz-checksum-') && !notChecksums.test(name),
  );
  const announced = trailersOf(scene);
  if (named.length > 1 || announced.length > 1) {
    const single = 'Expecting a single x-amz-checksum- header';
    const isOneAsked =
      announced.length === 0 &&
      named.length === 2 &&
      named.includes(`x-amz-checksum-${askedAlgorithm(scene)}`);
    throw new S3Failure(
      'InvalidRequest',
      isOneAsked ? single : `${single}. Multiple checksum Types are not allowed.`,
    );
  }
  const [header] = named;
  const [trailer] = announced;
  if (header !== undefined && trailer !== undefined) {
    throw new S3Failure('InvalidRequest', 'Expecting a single x-amz-checksum- header');
  }
  const name = nameOfHeader(header ?? trailer);
  if (header !== undefined && name === null) {
    throw new S3Failure(
      'InvalidRequest',
      'The algorithm type you specified in x-amz-checksum- header is invalid.',
    );
  }
  algorithmCheck(scene, name);
  if (name === null) return null;
  if (trailer === undefined) {
    return {
      name,
      value: checksumCheck(name, scene.header(checksumHeader(name)) ?? ''),
      isTrailer: false,
    };
  }
  const { payload } = scene;
  if (payload.kind !== 'chunked' || !payload.hasTrailers)
    throw new S3Failure('MalformedTrailerError');
  return { name, value: null, isTrailer: true };
}

const askedAlgorithm = (scene: Scene): string =>
  scene.header('x-amz-sdk-checksum-algorithm')?.toLowerCase() ?? '';

const nameOfHeader = (header: string | undefined): ChecksumName | null =>
  checksumNames.find((name) => checksumHeader(name) === header) ?? null;

/** What the client's own library says that it will send. */
function algorithmCheck(scene: Scene, name: ChecksumName | null): void {
  const asked = scene.header('x-amz-sdk-checksum-algorithm');
  if (asked === null) return;
  if (name === null) {
    throw new S3Failure(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  if (checksumNameOf(asked) !== name) {
    throw new S3Failure(
      'InvalidRequest',
      'Value for x-amz-sdk-checksum-algorithm header is invalid.',
    );
  }
}

function trailersOf(scene: Scene): readonly string[] {
  const names = (scene.header('x-amz-trailer') ?? '').split(',');
  while (names.at(-1) === '') names.pop();
  return names.map((text) => {
    const name = text.trim().toLowerCase();
    if (nameOfHeader(name) !== null) return name;
    throw new S3Failure(
      'InvalidRequest',
      'The value specified in the x-amz-trailer header is not supported',
    );
  });
}

/** Hex; null: the request has no Content-MD5. */
function md5Wanted(scene: Scene): string | null {
  const text = scene.header('content-md5');
  if (text === null) return null;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 16 && /^[A-Za-z0-9+/]{22}==$/.test(text.trim()))
    return bytes.toString('hex');
  throw new S3Failure('InvalidDigest', undefined, { fields: { 'Content-MD5': text } });
}

export function sizeOf(scene: Scene): number | null {
  const { payload, request } = scene;
  const decoded = scene.header('x-amz-decoded-content-length');
  if (payload.kind === 'chunked') return countOf(decoded);
  const isStreamed = request.headers['transfer-encoding'] !== undefined;
  const sizeBytes = isStreamed ? null : countOf(scene.header('content-length'));
  // Said by whom the coding is not for: the body is what it is.
  if (payload.kind === 'sha256' && payload.text.startsWith('STREAMING-')) {
    const expected = countOf(decoded);
    if (expected !== sizeBytes) {
      throw new S3Failure('IncompleteBody', undefined, {
        fields: {
          NumberBytesExpected: String(expected),
          NumberBytesProvided: String(sizeBytes ?? 0),
        },
      });
    }
  }
  return sizeBytes;
}

function countOf(text: string | null): number {
  if (text === null || !/^\d{1,15}$/.test(text)) throw new S3Failure('MissingContentLength');
  return Number(text);
}

export const isDigestGiven = (scene: Scene): boolean =>
  scene.header('content-md5') !== null ||
  checksumNames.some((name) => scene.header(checksumHeader(name)) !== null) ||
  scene.header('x-amz-trailer') !== null;

/** `fallback`: the checksum that an upload in parts keeps for each part, given or not. */
export async function intakeOpen(
  scene: Scene,
  fallback: ChecksumName | null = null,
): Promise<Intake> {
  const sizeBytes = sizeOf(scene);
  if (sizeBytes !== null && sizeBytes > putLimitBytes) {
    throw new S3Failure('EntityTooLarge', undefined, {
      fields: { ProposedSize: String(sizeBytes), MaxSizeAllowed: String(putLimitBytes) },
    });
  }
  const decoder = decoderOf(scene, sizeBytes);
  const isSmall = sizeBytes !== null && sizeBytes <= wholeBytes && decoder === null;
  const body = isSmall
    ? await scene.context.bodyWhole(wholeBytes)
    : decoder === null
      ? scene.context.body()
      : decoded(scene.context.body(), decoder);
  return intakeOf(scene, { body, sizeBytes, decoder }, fallback);
}

export interface IntakeSource {
  readonly body: Intake['body'];
  readonly sizeBytes: number | null;
  readonly decoder: ChunkedDecoder | null;
}

export function intakeOf(
  scene: Scene,
  { body, sizeBytes, decoder }: IntakeSource,
  fallback: ChecksumName | null = null,
): Intake {
  const wanted = checksumWanted(scene);
  const md5 = md5Wanted(scene);
  const name = wanted?.name ?? fallback;
  const hasher = name === null ? null : hasherNew(name);
  const sha256 = scene.payload.kind === 'sha256' ? createHash('sha256') : null;
  return {
    body,
    sizeBytes,
    limitBytes: putLimitBytes,
    hashes: [hasher, sha256].filter((one) => one !== null),
    finish(got) {
      const trailers = decoder?.finish() ?? null;
      digestsCheck(scene, { md5, sha256 }, got);
      if (hasher === null || name === null) return null;
      return { name, value: checksumHeld(hasher, name, givenOf(wanted, trailers)) };
    },
  };
}

function givenOf(
  wanted: WantedChecksum | null,
  trailers: ReadonlyMap<string, string> | null,
): string | null {
  if (wanted === null || !wanted.isTrailer) return wanted?.value ?? null;
  const header = checksumHeader(wanted.name);
  const text = trailers?.get(header) ?? '';
  if (checksumBytes(wanted.name, text) !== null) return text;
  throw new S3Failure('InvalidRequest', `Value for ${header} trailing header is invalid.`);
}

function checksumHeld(hasher: Hasher, name: ChecksumName, given: string | null): string {
  const value = hasher.digest().toString('base64');
  if (given === null || given === value) return value;
  throw new S3Failure(
    'BadDigest',
    `The ${name} you specified did not match the calculated checksum.`,
  );
}

interface Digests {
  readonly md5: string | null;
  readonly sha256: Hash | null;
  readonly isDocument?: boolean;
}

function digestsCheck(
  { payload }: Scene,
  { md5, sha256, isDocument = false }: Digests,
  got: Received,
): void {
  if (sha256 !== null && payload.kind === 'sha256') {
    const computed = sha256.digest('hex');
    if (!sameText(computed, payload.text.toLowerCase())) {
      throw new S3Failure('XAmzContentSHA256Mismatch', undefined, {
        fields: {
          ClientComputedContentSHA256: payload.text.slice(0, 256),
          S3ComputedContentSHA256: computed,
        },
      });
    }
  }
  if (md5 !== null && md5 !== got.md5) {
    throw new S3Failure('BadDigest', undefined, {
      fields: {
        // AWS shows it as it was sent for documents, and in hex for objects.
        ExpectedDigest: isDocument ? Buffer.from(md5, 'hex').toString('base64') : md5,
        CalculatedDigest: Buffer.from(got.md5, 'hex').toString('base64'),
      },
    });
  }
}

function decoderOf(scene: Scene, sizeBytes: number | null): ChunkedDecoder | null {
  const { payload } = scene;
  if (payload.kind !== 'chunked') return null;
  return new ChunkedDecoder({
    signed: payload.signed,
    trailers: payload.hasTrailers ? trailersOf(scene) : null,
    decodedBytes: sizeBytes ?? 0,
  });
}

async function* decoded(
  chunks: AsyncIterable<Uint8Array>,
  decoder: ChunkedDecoder,
): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    yield* decoder.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  }
  // What is wrong with the coding is told rather than the length that came of it.
  decoder.finish();
}

/** A small body, whole and checked against every digest the request brings. */
export async function bodyDocument(
  scene: Scene,
  limitBytes = documentLimitBytes,
  isChecksumOurs = true,
): Promise<Buffer> {
  const wanted = isChecksumOurs ? checksumWanted(scene) : null;
  const md5 = md5Wanted(scene);
  const { payload } = scene;
  // aws-chunked bytes are longer than what they carry.
  const raw = await bodyTaken(scene, limitBytes + (payload.kind === 'chunked' ? limitBytes : 0));
  const decoder = decoderOf(scene, payload.kind === 'chunked' ? sizeOf(scene) : null);
  const bytes = decoder === null ? raw : Buffer.concat(decoder.push(raw));
  const trailers = decoder?.finish() ?? null;
  const sha256 = payload.kind === 'sha256' ? createHash('sha256').update(bytes) : null;
  digestsCheck(
    scene,
    { md5, sha256, isDocument: true },
    { md5: md5 === null ? '' : hash('md5', bytes), sizeBytes: bytes.length },
  );
  if (wanted !== null) {
    const hasher = hasherNew(wanted.name);
    hasher.update(bytes);
    checksumHeld(hasher, wanted.name, givenOf(wanted, trailers));
  }
  return bytes;
}

async function bodyTaken(scene: Scene, limitBytes: number): Promise<Buffer> {
  const announced = Number(scene.request.headers['content-length'] ?? 0);
  if (announced > limitBytes) throw new S3Failure('MaxMessageLengthExceeded');
  return await scene.context.bodyWhole(limitBytes);
}
