import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

/** As many rounds as are a few milliseconds; then others are served. */
const sliceRounds = 2_000;
const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const sha512 = (...parts: readonly Buffer[]): Buffer =>
  hash('sha512', Buffer.concat(parts), 'buffer');

/** As many bytes as asked for, of something repeated. */
const stretched = (bytes: Buffer, length: number): Buffer =>
  Buffer.concat(Array.from({ length: Math.ceil(length / bytes.length) }, () => bytes)).subarray(
    0,
    length,
  );

/** "Unix crypt using SHA-256 and SHA-512" by U. Drepper; the steps have the numbers of that text. */
export async function sha512Crypt(
  password: string,
  { salt: saltText, rounds }: { readonly salt: string; readonly rounds: number },
): Promise<string> {
  const [word, salt] = [Buffer.from(password), Buffer.from(saltText)];
  const first = startOf(word, salt);
  // Steps 13 to 20.
  const words = stretched(sha512(...Array.from({ length: word.length }, () => word)), word.length);
  const salts = sha512(...Array.from({ length: 16 + (first[0] ?? 0) }, () => salt));
  const salted = salts.subarray(0, salt.length);
  let digest = first;
  // Step 21.
  for (let round = 0; round < rounds; round++) {
    const isOdd = round % 2 === 1;
    digest = sha512(
      isOdd ? words : digest,
      ...(round % 3 === 0 ? [] : [salted]),
      ...(round % 7 === 0 ? [] : [words]),
      isOdd ? digest : words,
    );
    if (round % sliceRounds === sliceRounds - 1) await setImmediate();
  }
  return textOf(digest);
}

/** Steps 1 to 12. */
function startOf(word: Buffer, salt: Buffer): Buffer {
  const other = sha512(word, salt, word);
  const parts = [word, salt, stretched(other, word.length)];
  for (let bits = word.length; bits > 0; bits >>= 1) parts.push(bits % 2 === 1 ? other : word);
  return sha512(...parts);
}

/** Step 22: three bytes at a time, each time the next of the three thirds first. */
function textOf(digest: Buffer): string {
  let text = '';
  const add = (value: number, letters: number): void => {
    for (let at = 0; at < letters; at++) text += alphabet[(value >> (6 * at)) & 63] ?? '';
  };
  for (let at = 0; at < 21; at++) {
    const thirds = [digest[at] ?? 0, digest[at + 21] ?? 0, digest[at + 42] ?? 0];
    const [high = 0, middle = 0, low = 0] = [0, 1, 2].map((one) => thirds[(at + one) % 3] ?? 0);
    add((high << 16) | (middle << 8) | low, 4);
  }
  add(digest[63] ?? 0, 2);
  return text;
}
