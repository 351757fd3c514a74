/** One wrong place in a configuration file, in words for the person who wrote it. */
export interface ConfigFault {
  readonly line: number;
  /** Dotted, as TOML writes it: `external.cidr`. */
  readonly key: string;
  readonly message: string;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly file: string;
  readonly faults: readonly ConfigFault[];

  constructor(file: string, faults: readonly ConfigFault[]) {
    super(faults.map(({ line, message }) => `${file}:${line}: ${message}`).join('\n'));
    this.file = file;
    this.faults = faults;
  }
}
