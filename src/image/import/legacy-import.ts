import { invalid } from '../../kernel/errors.ts';
import { imageNewParse } from '../image-edit.ts';
import { attributeCheck } from '../image.schema.ts';
import { imageCreate, imageDelete } from '../image.ts';
import type { ImageContext } from '../image.world.ts';
import { importRequest } from './import-request.ts';

/** `POST /v2/tasks` of type `import`: makes an image and downloads its bytes, in one call. */
export async function legacyImport(
  context: ImageContext,
  input: unknown,
  { token, requestId }: { readonly token: string; readonly requestId: string },
): Promise<string> {
  const { from, format, properties } = legacyParse(input);
  const image = await imageCreate(
    context,
    imageNewParse({ disk_format: format, container_format: 'bare', ...properties }),
  );
  try {
    const body = { method: { name: 'web-download', uri: from } };
    const request = { body, storeHeader: null, token, requestId, type: 'import' } as const;
    const id = await importRequest(context, image.id, request);
    if (id === null) throw new Error('a new image is in no store yet');
    return id;
  } catch (error) {
    await imageDelete(context, image.id);
    throw error;
  }
}

function legacyParse(input: unknown): {
  from: unknown;
  format: string;
  properties: Readonly<Record<string, unknown>>;
} {
  const fields = recordOf(input, 'input');
  for (const name of ['import_from', 'import_from_format', 'image_properties']) {
    if (fields[name] === undefined) throw invalid(`Input does not contain '${name}' field`);
  }
  const { import_from: from, import_from_format: format } = fields;
  if (typeof format !== 'string') throw invalid('import_from_format must be a text');
  attributeCheck('disk_format', format);
  return { from, format, properties: recordOf(fields['image_properties'], 'image_properties') };
}

function recordOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw invalid(`${name} must be an object`);
}
