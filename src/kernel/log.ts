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
  const line =
    (level: LogLevel) =>
    (message: string, more: LogFields = {}): void => {
      if (logLevels.indexOf(level) < threshold) return;
      const time = new Date(options.now()).toISOString();
      options.write(`${JSON.stringify({ time, level, message, ...fields, ...more })}\n`);
    };
  return {
    debug: line('debug'),
    info: line('info'),
    warning: line('warning'),
    error: line('error'),
    with: (more) => logOpen(options, { ...fields, ...more }),
  };
}

export const silentLog: Log = logOpen({ level: 'error', write: () => {}, now: () => 0 });
