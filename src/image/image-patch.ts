import { conflict, forbidden, invalid } from '../kernel/errors.ts';
import {
  attributeSet,
  formatChangeCheck,
  isAttribute,
  nameCheck,
  valueCheck,
} from './image-edit.ts';
import type { LocationChange } from './image-location.ts';
import type { Image } from './image.model.ts';

/** Two drafts of JSON patch, told apart by media type: the older one names the operation by its key. */
export const patchMediaTypes = {
  'application/openstack-images-v2.0-json-patch': 4,
  'application/openstack-images-v2.1-json-patch': 10,
} as const;
type Draft = (typeof patchMediaTypes)[keyof typeof patchMediaTypes];

type Operation = 'add' | 'replace' | 'remove';
const operations: readonly Operation[] = ['add', 'remove', 'replace'];

export interface Change {
  readonly operation: Operation;
  readonly name: string;
  readonly value: unknown;
  /** The older draft refuses to add what is there. */
  readonly isStrictAdd: boolean;
}

export interface Patch {
  readonly changes: readonly Change[];
  readonly locations: readonly LocationChange[];
}

export function patchParse(body: unknown, mediaType: string): Patch {
  const draft = (patchMediaTypes as Readonly<Record<string, Draft>>)[mediaType];
  if (draft === undefined) throw invalid('Unrecognized JSON Schema draft version');
  if (!Array.isArray(body)) {
    throw invalid('Request body must be a JSON array of operation objects.');
  }
  const all = body.map((raw: unknown) => changeParse(raw, draft));
  return {
    changes: all.filter((one): one is Change => !('position' in one)),
    locations: all.filter((one): one is LocationChange => 'position' in one),
  };
}

function changeParse(raw: unknown, draft: Draft): Change | LocationChange {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw invalid('Operations must be JSON objects.');
  }
  const fields = raw as Readonly<Record<string, unknown>>;
  const operation = draft === 10 ? operationNamed(fields) : operationKeyed(fields);
  const pointer = draft === 10 ? fields['path'] : fields[operation];
  if (typeof pointer !== 'string') throw invalid("Unable to find 'path' in JSON Schema change");
  const path = pointerParse(pointer);
  const [name = ''] = path;
  if (path.length !== 1 && name !== 'locations') {
    throw invalid(`Invalid JSON pointer for this resource: '/${path.join('/')}'`);
  }
  if (operation !== 'remove' && !Object.hasOwn(fields, 'value')) {
    throw invalid(`Operation "${operation}" requires a member named "value".`);
  }
  nameCheck(name);
  if (name === 'locations') {
    const [, position = null, ...deeper] = path;
    if (deeper.length > 0)
      throw invalid(`Invalid JSON pointer for this resource: '/${path.join('/')}'`);
    return { operation, position, value: fields['value'] };
  }
  if (operation !== 'remove') valueCheck(name, fields['value']);
  return { operation, name, value: fields['value'], isStrictAdd: draft === 4 };
}

function operationNamed({ op }: Readonly<Record<string, unknown>>): Operation {
  const operation = operations.find((one) => one === op);
  if (operation !== undefined) return operation;
  throw invalid(
    `Invalid operation: \`${String(op)}\`. It must be one of the following: ${operations.join(', ')}.`,
  );
}

function operationKeyed(fields: Readonly<Record<string, unknown>>): Operation {
  const [operation, second] = operations.filter((one) => Object.hasOwn(fields, one));
  if (operation === undefined || second !== undefined) {
    throw invalid(
      'Operation objects must contain exactly one member named "add", "remove", or "replace".',
    );
  }
  return operation;
}

/** RFC 6901, narrowed as Glance narrows it. */
function pointerParse(pointer: string): string[] {
  if (!pointer.startsWith('/')) throw invalid(`Pointer \`${pointer}\` does not start with "/".`);
  if (/\/\s*\//.test(pointer.slice(1))) {
    throw invalid(`Pointer \`${pointer}\` contains adjacent "/".`);
  }
  if (pointer.length > 1 && pointer.endsWith('/')) {
    throw invalid(`Pointer \`${pointer}\` end with "/".`);
  }
  if (/~(?![01])/.test(pointer)) {
    throw invalid(`Pointer \`${pointer}\` contains "~" not part of a recognized escape sequence.`);
  }
  return pointer
    .replace(/^\/+/, '')
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~').trim());
}

/** The image after the changes, one after the other: the first that cannot be made refuses them all. */
export function patchApply(image: Image, changes: readonly Change[]): Image {
  return changes.reduce(changeApply, image);
}

function changeApply(image: Image, change: Change): Image {
  const { name, value } = change;
  const isThere = isAttribute(name) || Object.hasOwn(image.properties, name);
  if (change.operation === 'remove') return propertyRemoved(image, name, isThere);
  if (change.operation === 'replace' && !isThere) {
    throw conflict(`Property ${name} does not exist.`);
  }
  if (change.operation === 'add' && change.isStrictAdd && isThere) {
    throw conflict(`Property ${name} already present.`);
  }
  if (isAttribute(name)) {
    formatChangeCheck(image, name);
    return attributeSet(image, name, value);
  }
  return { ...image, properties: { ...image.properties, [name]: value as string } };
}

function propertyRemoved(image: Image, name: string, isThere: boolean): Image {
  if (isAttribute(name)) throw forbidden(`Property ${name} may not be removed.`);
  if (!isThere) throw conflict(`Property ${name} does not exist.`);
  const { [name]: _, ...properties } = image.properties;
  return { ...image, properties };
}
