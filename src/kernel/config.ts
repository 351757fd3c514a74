import { parse, TomlError } from 'smol-toml';
import type { Static, TObject, TSchema } from 'typebox';
import { Check, Errors } from 'typebox/schema';
import { ConfigError, type ConfigFault } from './config-error.ts';

/** A file that was read, so that later checks can name its lines too. */
export interface ConfigFile<Value> {
  readonly value: Value;
  /** The error for a value that the schema admits but that cannot be used. */
  refuse(key: string, message: string): ConfigError;
}

/**
 * TOML text to a typed value. Keys that the file leaves out get the schema's `default`. A schema says what it admits
 * in its `allowed` annotation when its type alone does not tell.
 */
export function configParse<Schema extends TObject>(
  schema: Schema,
  text: string,
  file: string,
): ConfigFile<Static<Schema>> {
  const value = defaulted(schema, tomlParse(text, file));
  if (!Check(schema, value)) throw new ConfigError(file, faultsOf(schema, value, text));
  return {
    value,
    refuse: (key, message) =>
      new ConfigError(file, [
        { key, line: lineOf(text, key.split('.')), message: `${key}: ${message}` },
      ]),
  };
}

function tomlParse(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? '';
    throw new ConfigError(file, [{ line: error.line, key: '', message: `not TOML: ${reason}` }]);
  }
}

/** What a value leaves out, from the schema; its tables are filled in place. */
function defaulted(schema: TSchema, given: unknown): unknown {
  const { default: preset, properties = {} } = schema as Annotated;
  const value = given === undefined ? structuredClone(preset) : given;
  if (typeof value !== 'object' || value === null) return value;
  const table = value as Record<string, unknown>;
  for (const [name, property] of Object.entries(properties)) {
    const member = defaulted(property, table[name]);
    if (member !== undefined) table[name] = member;
  }
  return value;
}

function faultsOf(schema: TObject, value: unknown, text: string): ConfigFault[] {
  const faults = new Map<string, ConfigFault>();
  const add = (path: readonly string[], message: string): void => {
    const key = path.join('.');
    if (!faults.has(key)) faults.set(key, { key, line: lineOf(text, path), message });
  };
  const [, errors] = Errors(schema, value);
  for (const { keyword, instancePath, params } of errors) {
    const path = instancePath.split('/').slice(1);
    if (keyword === 'additionalProperties') {
      const known = Object.keys(propertiesOf(schemaAt(schema, path)));
      const { additionalProperties } = params as { additionalProperties: readonly string[] };
      for (const name of additionalProperties)
        add(
          [...path, name],
          `unknown key "${[...path, name].join('.')}"; ${keysText(path, known)}`,
        );
    }
  }
  for (const { keyword, instancePath } of errors) {
    if (keyword === 'additionalProperties' || keyword === 'boolean') continue;
    const path = instancePath.split('/').slice(1);
    const found = valueAt(value, path);
    const allowed = allowedText(schemaAt(schema, path));
    add(path, `${path.join('.')}: ${JSON.stringify(found)} is not allowed; it must be ${allowed}`);
  }
  return [...faults.values()].toSorted((a, b) => a.line - b.line);
}

function keysText(path: readonly string[], known: readonly string[]): string {
  const place = path.length === 0 ? 'at the top of the file' : `in [${path.join('.')}]`;
  return `the keys ${place} are ${known.join(', ')}`;
}

interface Annotated {
  readonly default?: unknown;
  readonly allowed?: string;
  readonly type?: string;
  readonly anyOf?: readonly Annotated[];
  readonly items?: Annotated;
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, TSchema>>;
  /** A table whose keys are the operator's own names: one schema for all of them. */
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
}

/** What a schema admits, in words. */
export function allowedText(schema: TSchema): string {
  const { allowed, type, anyOf, items, minimum, maximum } = schema as Annotated;
  if (allowed !== undefined) return allowed;
  if (anyOf !== undefined) {
    const constants = anyOf.flatMap((one) => (one.const === undefined ? [] : [one.const]));
    return `one of ${constants.map((one) => JSON.stringify(one)).join(', ')}`;
  }
  if (type === 'boolean') return 'true or false';
  if (type === 'array') return `a list, each ${allowedText((items ?? {}) as TSchema)}`;
  if (type === 'object')
    return `a table with the keys ${Object.keys(propertiesOf(schema)).join(', ')}`;
  if (type !== 'integer' && type !== 'number') return 'text in quotes';
  const name = type === 'integer' ? 'a whole number' : 'a number';
  if (minimum !== undefined && maximum !== undefined)
    return `${name} from ${minimum} to ${maximum}`;
  return minimum === undefined ? name : `${name} of at least ${minimum}`;
}

const propertiesOf = (schema: TSchema): Readonly<Record<string, TSchema>> =>
  (schema as Annotated).properties ?? {};

function schemaAt(schema: TSchema, path: readonly string[]): TSchema {
  let at = schema;
  for (const name of path) at = propertiesOf(at)[name] ?? memberOf(at) ?? {};
  return at;
}

function memberOf(schema: TSchema): TSchema | undefined {
  const { items, patternProperties = {} } = schema as Annotated;
  return (items as TSchema | undefined) ?? Object.values(patternProperties)[0];
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) at = (at as Readonly<Record<string, unknown>>)[name];
  return at;
}

/**
 * The line that sets a key, found in the text because the parser keeps no positions. A key inside an inline table or
 * a list over several lines is found at the line where that value begins.
 */
function lineOf(text: string, path: readonly string[]): number {
  let table: readonly string[] = [];
  let best = { line: 1, depth: 0 };
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\[?([^\]]+)\]/.exec(line);
    const assignment = /^\s*([\w."'\s-]+?)\s*=/.exec(line);
    if (header !== null) table = keyNames(header[1] ?? '');
    const names = assignment === null ? table : [...table, ...keyNames(assignment[1] ?? '')];
    if (header === null && assignment === null) continue;
    const isPrefix = names.length <= path.length && names.every((name, at) => path[at] === name);
    if (isPrefix && names.length > best.depth) best = { line: index + 1, depth: names.length };
  }
  return best.line;
}

const keyNames = (key: string): string[] =>
  [...key.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)].map(
    ([, quoted, literal, bare]) => quoted ?? literal ?? bare ?? '',
  );
