/** `*` stands for anything, `?` for one character. Linear but for one step back, so no pattern takes for ever. */
export function wildcardMatch(pattern: string, text: string): boolean {
  let [p, t] = [0, 0];
  let [star, mark] = [-1, 0];
  while (t < text.length) {
    const at = pattern[p];
    if (at === '*') {
      [star, mark] = [p, t];
      p++;
    } else if (at !== undefined && (at === '?' || at === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
