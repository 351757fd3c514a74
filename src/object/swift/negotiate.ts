interface Choice {
  readonly type: string;
  readonly quality: number;
}

/** RFC 9110, section 12.5.1; null: nothing on offer is acceptable. A header that cannot be read accepts nothing. */
export function acceptBest<Type extends string>(
  header: string | undefined,
  offered: readonly Type[],
): Type | null {
  const [first = null] = offered;
  if (header === undefined || header.trim() === '') return first;
  const choices = header.split(',').map(choiceOf);
  if (choices.some((choice) => choice === null)) return null;
  const ranked = (choices as Choice[]).toSorted((a, b) => b.quality - a.quality);
  for (const { type, quality } of ranked) {
    if (quality === 0) continue;
    const found = offered.find(
      (one) =>
        type === '*/*' ||
        type === one ||
        (type.endsWith('/*') && one.startsWith(type.slice(0, -1))),
    );
    if (found !== undefined) return found;
  }
  return null;
}

function choiceOf(text: string): Choice | null {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim());
  if (!/^[^\s/]+\/[^\s/]+$/.test(type) && type !== '*') return null;
  let quality = 1;
  for (const parameter of parameters) {
    const match = /^q\s*=\s*(.*)$/i.exec(parameter);
    if (match === null) continue;
    quality = Number(match[1]);
    if (Number.isNaN(quality)) return null;
  }
  return { type: type === '*' ? '*/*' : type.toLowerCase(), quality };
}
