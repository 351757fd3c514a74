/** What files are written by past the page cache: memory, length and place in the file must be multiples of it. */
export const pageBytes = 4096;

/** A buffer that begins with a page of memory: V8 gives memory that could be resized pages of its own. */
export const bufferPages = (bytes: number): Buffer<ArrayBuffer> =>
  Buffer.from(new ArrayBuffer(bytes, { maxByteLength: bytes }), 0, bytes);

/** The same for memory that threads share. */
export const bufferPagesShared = (bytes: number): Buffer<SharedArrayBuffer> =>
  Buffer.from(new SharedArrayBuffer(bytes, { maxByteLength: bytes }), 0, bytes);

/** Whole pages of what these made. */
export const isOfPages = ({ buffer, byteOffset, length }: Uint8Array): boolean =>
  (buffer instanceof SharedArrayBuffer ? buffer.growable : buffer.resizable) &&
  byteOffset % pageBytes === 0 &&
  length % pageBytes === 0;
