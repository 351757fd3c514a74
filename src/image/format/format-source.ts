import { Failure } from '../../kernel/errors.ts';

/** An image whose bytes can be looked at anywhere. */
export interface FormatSource {
  readonly sizeBytes: number;
  /** Shorter than asked for only at the end. */
  read(offset: number, lengthBytes: number): Promise<Buffer>;
}

/** The image is not what it says, or is not safe to open: 415, as Glance answers. */
export const formatRefused = (message: string): Failure =>
  new Failure('unsupported_media', message, { type: 'InvalidImageData' });

/** A structure that must lie within the file. */
export async function regionRead(
  source: FormatSource,
  { offset, lengthBytes, name }: { offset: number; lengthBytes: number; name: string },
): Promise<Buffer> {
  if (!isInside(source, offset, lengthBytes)) {
    throw formatRefused(`The image is damaged: its ${name} lies outside of the file.`);
  }
  return source.read(offset, lengthBytes);
}

export const isInside = (
  { sizeBytes }: Pick<FormatSource, 'sizeBytes'>,
  offset: number,
  lengthBytes: number,
): boolean =>
  Number.isSafeInteger(offset) &&
  offset >= 0 &&
  lengthBytes >= 0 &&
  offset + lengthBytes <= sizeBytes;

/** 64-bit fields of hostile files can be larger than a number holds exactly; such a value is refused anyway. */
export const u64be = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64BE(at));
export const u64le = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));
