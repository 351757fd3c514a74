import { forbidden, invalid } from '../kernel/errors.ts';
import { isReserved, readonlyNames, type Image, type ImageEdit } from './image.model.ts';
import { attributeCheck, isEditableName } from './image.schema.ts';

/** Wire names of what users may set, and where it stands in the model. */
const attributes = {
  name: 'name',
  visibility: 'visibility',
  protected: 'isProtected',
  os_hidden: 'isHidden',
  owner: 'owner',
  container_format: 'containerFormat',
  disk_format: 'diskFormat',
  min_disk: 'minDiskGib',
  min_ram: 'minRamMib',
  tags: 'tags',
} as const satisfies Record<string, keyof ImageEdit>;

export type AttributeName = keyof typeof attributes;
export const isAttribute = (name: string): name is AttributeName => Object.hasOwn(attributes, name);

/** The image with one attribute changed; the value was checked before. */
export function attributeSet<Edit extends ImageEdit>(
  edit: Edit,
  name: AttributeName,
  value: unknown,
): Edit {
  return { ...edit, [attributes[name]]: value };
}

/** Names that no client may write. */
export function nameCheck(name: string): void {
  if (readonlyNames.has(name)) throw forbidden(`Attribute '${name}' is read-only.`);
  if (isReserved(name)) throw forbidden(`Attribute '${name}' is reserved.`);
}

export function valueCheck(name: string, value: unknown): void {
  if (isEditableName(name)) attributeCheck(name, value);
  else if (typeof value !== 'string') {
    throw invalid(
      `Provided object does not match schema 'image': ${JSON.stringify(value)} is not of type 'string'`,
    );
  } else if (name === '' || name.length > 255) {
    throw invalid('Custom property should not be greater than 255 characters.');
  }
}

export function formatChangeCheck(image: Image, name: string): void {
  if (name !== 'disk_format' && name !== 'container_format') return;
  if (image.status === 'queued') return;
  throw forbidden(`Attribute ${name} can be only replaced for a queued image.`);
}

/** The body of `POST /v2/images`: what is no attribute is a custom property. */
export function imageNewParse(
  body: Readonly<Record<string, unknown>>,
): Partial<ImageEdit> & { id?: string } {
  const { id, ...rest } = body;
  const properties: Record<string, string> = {};
  let wanted: Partial<ImageEdit> = {};
  for (const [name, value] of Object.entries(rest)) {
    nameCheck(name);
    if (name === 'locations') {
      throw forbidden("It's not allowed to add locations if locations are invisible.");
    }
    valueCheck(name, value);
    if (isAttribute(name)) wanted = { ...wanted, [attributes[name]]: value };
    else properties[name] = value as string;
  }
  return { ...wanted, properties, ...(typeof id === 'string' && { id }) };
}
