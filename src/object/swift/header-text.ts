/**
 * Header values are UTF-8 here and bytes on the wire, which Node shows as Latin-1. Bytes that are no UTF-8 must come back
 * as they were sent: each is kept as a lone surrogate, U+DC80 to U+DCFF, as Python does.
 */
export function headerDecode(value: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/^[\x00-\x7f]*$/.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  const text = bytes.toString('utf8');
  if (!text.includes('\uFFFD')) return text;
  let decoded = '';
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    decoded +=
      length === 0
        ? String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
        : bytes.toString('utf8', at, at + length);
    at += Math.max(length, 1);
  }
  return decoded;
}

/** Bytes of the character that begins here; 0: none does. */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  const length =
    first < 0x80
      ? 1
      : first < 0xc2
        ? 0
        : first < 0xe0
          ? 2
          : first < 0xf0
            ? 3
            : first < 0xf5
              ? 4
              : 0;
  if (length < 2) return length;
  const piece = bytes.subarray(at, at + length);
  const isWhole = piece.length === length && Buffer.from(piece.toString('utf8')).equals(piece);
  return isWhole ? length : 0;
}

/** The way back, for `setHeader`. */
export const headerEncode = (value: string): string =>
  value
    .split(/([\uDC80-\uDCFF])(?<![\uD800-\uDBFF]\1)/)
    .map((piece) =>
      piece.length === 1 && !piece.isWellFormed()
        ? String.fromCharCode(piece.charCodeAt(0) - 0xdc00)
        : Buffer.from(piece, 'utf8').toString('latin1'),
    )
    .join('');
