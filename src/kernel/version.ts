/** A microversion, e.g. 2.72. Compared by number: 2.9 comes before 2.10. */
export interface Version {
  readonly major: number;
  readonly minor: number;
}

/** Null when the text is no version. */
export function versionParse(text: string): Version | null {
  const match = /^([1-9]\d*)\.(0|[1-9]\d*)$/.exec(text);
  return match === null ? null : { major: Number(match[1]), minor: Number(match[2]) };
}

export const versionText = ({ major, minor }: Version): string => `${major}.${minor}`;

export const versionCompare = (a: Version, b: Version): number =>
  a.major - b.major || a.minor - b.minor;

/** A version written in code, where a typing error is a bug. */
export function version(text: string): Version {
  const parsed = versionParse(text);
  if (parsed === null) throw new Error(`${text} is no version`);
  return parsed;
}
