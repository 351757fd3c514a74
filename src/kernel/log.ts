import { isoMilliseconds } from './clock.ts';

export type LogLevel = 'debug' | 'info' | 'warning' | 'error';
export const logLevels: readonly LogLevel[] = ['debug', 'info', 'warning', 'error'];

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose lines all carry these fields. */
  with(fields: LogFields): Log;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly write: (line: string) => void;
  readonly now: () => number;
}

/** One JSON object a line; whoever logs an error prints its whole chain of causes. */
export const logOpen = (options: LogOptions, fields: LogFields = {}): Log =>
  new LineLog(options, fields);

/** One is made for each request: nothing is made ready before a line is written. */
class LineLog implements Log {
  readonly #options: LogOptions;
  readonly #fields: LogFields;
  #members: string | null = null;

  constructor(options: LogOptions, fields: LogFields) {
    this.#options = options;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#line('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#line('info', message, fields);
  }
  warning(message: string, fields?: LogFields): void {
    this.#line('warning', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#line('error', message, fields);
  }
  with(fields: LogFields): Log {
    return new LineLog(this.#options, { ...this.#fields, ...fields });
  }

  #line(level: LogLevel, message: string, fields?: LogFields): void {
    const { level: lowest, now, write } = this.#options;
    if (logLevels.indexOf(level) < logLevels.indexOf(lowest)) return;
    const own = (this.#members ??= membersOf(this.#fields));
    const members = fields === undefined ? own : own + membersOf(fields);
    const time = isoMilliseconds(now());
    const text = JSON.stringify(message);
    write(`{"time":"${time}","level":"${level}","message":${text}${members}}\n`);
  }
}

/** The members of an object as JSON writes them, each after a comma. */
function membersOf(fields: LogFields): string {
  const json = JSON.stringify(fields).slice(1, -1);
  return json === '' ? '' : `,${json}`;
}

export const silentLog: Log = logOpen({ level: 'error', write: () => {}, now: () => 0 });
