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
export function logOpen(options: LogOptions, fields: LogFields = {}): Log {
  const threshold = logLevels.indexOf(options.level);
  const own = membersOf(fields);
  const line =
    (level: LogLevel) =>
    (message: string, more?: LogFields): void => {
      if (logLevels.indexOf(level) < threshold) return;
      const time = new Date(options.now()).toISOString();
      const text = JSON.stringify(message);
      const members = more === undefined ? own : own + membersOf(more);
      options.write(`{"time":"${time}","level":"${level}","message":${text}${members}}\n`);
    };
  return {
    debug: line('debug'),
    info: line('info'),
    warning: line('warning'),
    error: line('error'),
    with: (more) => logOpen(options, { ...fields, ...more }),
  };
}

/** The members of an object as JSON writes them, each after a comma. */
function membersOf(fields: LogFields): string {
  const json = JSON.stringify(fields).slice(1, -1);
  return json === '' ? '' : `,${json}`;
}

export const silentLog: Log = logOpen({ level: 'error', write: () => {}, now: () => 0 });
