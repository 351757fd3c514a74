import { conflict, invalid, type Failure } from '../../kernel/errors.ts';
import type { Tx } from '../../kernel/db.ts';
import type { Actor } from '../../kernel/policy.ts';
import { isUuid } from '../../kernel/ids.ts';
import { taskInsert } from '../../kernel/task.ts';
import { imageAuthorize, imageSee, projectOf } from '../image-access.ts';
import type { Image } from '../image.model.ts';
import { quotaCheck, quotaLimitsOf } from '../image-quota.ts';
import { isWritable } from '../image-upload.ts';
import { imageStatusSet, importingSet } from '../image.store.ts';
import type { ImageTables } from '../image.tables.ts';
import type { ImageContext, ImageWorld } from '../image.world.ts';
import { uriParse } from './address-guard.ts';
import { imageTaskInsert, type ImageTask } from './image-task.store.ts';
import { importMethods, type ImportMethod, type ImportWanted } from './import.schema.ts';

/** A wanted import, checked; what the task works from. */
export interface ImportOrder {
  readonly taskId: string;
  readonly imageId: string;
  readonly method: ImportMethod | 'location';
  readonly stores: readonly string[];
  readonly mustAllSucceed: boolean;
  /** `web-download` and `location`. */
  readonly uri: string | null;
  /** `glance-download`. */
  readonly remote: Remote | null;
  /** `location`: what its bytes must be, where the caller has said so. */
  readonly expected: ExpectedHash | null;
}
/** In hexadecimal, lower case. */
export interface ExpectedHash {
  readonly algorithm: string;
  readonly hex: string;
}
export interface Remote {
  readonly imageId: string;
  readonly region: string;
  readonly face: string;
  /** Who asked: of the cloud's own images what they may see is read. */
  readonly actor: Actor;
  readonly sealedToken: string;
}

export interface ImportRequest {
  readonly body: ImportWanted;
  readonly storeHeader: string | null;
  readonly token: string;
  readonly requestId: string;
  readonly type: 'api_image_import' | 'import';
}

/** Checks what Glance checks before it answers; the rest is the task's. Gives the id of the task. */
export async function importRequest(
  context: ImageContext,
  imageId: string,
  request: ImportRequest,
): Promise<string | null> {
  const { world, clock, ids, actor } = context;
  const { body } = request;
  const method = methodOf(body);
  const limits = await quotaLimitsOf(world, projectOf(actor));
  const now = clock.now();
  const taskId = ids.uuid();
  const isStarted = await world.db.write(async (tx) => {
    await quotaCheck(tx, projectOf(actor), limits, ['image_size_total']);
    const { image, target } = await imageSee(context, tx, imageId);
    stateCheck(image, method);
    const remote = method === 'glance-download' ? remoteOf(world, request, actor) : null;
    imageAuthorize(context, method === 'copy-image' ? 'copy_image' : 'modify_image', target);
    lockCheck(image);
    const stores = storesOf(world, image, method, request);
    if (stores.length === 0) return false;
    const uri = method === 'web-download' ? uriOf(world, body.method?.uri) : null;
    await importBegin(
      tx,
      image,
      {
        taskId,
        imageId,
        method,
        stores,
        mustAllSucceed: body.all_stores_must_succeed !== false,
        uri,
        remote,
        expected: null,
      },
      {
        ...taskNew(context, request.requestId, now),
        type: request.type,
        input: JSON.stringify({ image_id: imageId, import_req: body, backend: stores }),
      },
    );
    return true;
  });
  if (!isStarted) return null;
  world.tasks.wake();
  return taskId;
}

export const taskNew = (
  { actor }: ImageContext,
  requestId: string,
  now: number,
): Pick<ImageTask, 'owner' | 'user_id' | 'request_id' | 'created_at' | 'updated_at'> => ({
  owner: projectOf(actor),
  user_id: actor.userId,
  request_id: requestId,
  created_at: now,
  updated_at: now,
});

/** The lock on the image, its state, and both tasks, in one transaction. */
export async function importBegin(
  tx: Tx<ImageTables>,
  image: Image,
  order: ImportOrder,
  task: Omit<ImageTask, 'id' | 'image_id' | 'status' | 'message' | 'result' | 'expires_at'>,
): Promise<void> {
  const { taskId, imageId } = order;
  const importing = { taskId, toStores: order.stores, failedStores: [] };
  if (!(await importingSet(tx, imageId, null, importing))) throw lockedBy(imageId);
  if (order.method !== 'copy-image') {
    const change = { status: 'importing', updated_at: task.created_at } as const;
    if (!(await imageStatusSet(tx, imageId, [image.status], change))) throw lockedBy(imageId);
  }
  await imageTaskInsert(tx, {
    ...task,
    id: taskId,
    image_id: imageId,
    status: 'pending',
    message: '',
    result: null,
    expires_at: null,
  });
  await taskInsert(tx, {
    id: taskId,
    kind: 'image-import',
    subject: imageId,
    input: order,
    requestId: task.request_id,
    now: task.created_at,
  });
}

const lockedBy = (id: string): Failure =>
  conflict(
    `New operation on image '${id}' is not permitted as prior operation is still in progress`,
  );

export function lockCheck({ importing }: Image): void {
  if (importing !== null && importing.taskId !== null) throw conflict('Image has active task');
}

function methodOf({ method, all_stores, all_stores_must_succeed }: ImportWanted): ImportMethod {
  if (method === undefined) throw invalid("Import request requires a 'method' field.");
  if (method.name === undefined) throw invalid("Import request requires a 'name' field.");
  const name = importMethods.find((one) => one === method.name);
  if (name === undefined)
    throw invalid(`Unknown import method name ${JSON.stringify(method.name)}.`);
  if (!['boolean', 'undefined'].includes(typeof all_stores_must_succeed)) {
    throw invalid("'all_stores_must_succeed' must be boolean value only");
  }
  if (!['boolean', 'undefined'].includes(typeof all_stores)) {
    throw invalid("'all_stores' must be boolean value only");
  }
  return name;
}

function stateCheck({ status, containerFormat, diskFormat }: Image, method: ImportMethod): void {
  const isCopy = method === 'copy-image';
  if (status === 'active' && !isCopy) {
    throw conflict('Image with status active cannot be target for import');
  }
  if (status !== 'active' && isCopy) {
    throw conflict('Only images with status active can be targeted for copying');
  }
  if (status !== 'queued' && (method === 'web-download' || method === 'glance-download')) {
    throw conflict(`Image needs to be in 'queued' state to use '${method}' method`);
  }
  if (status !== 'uploading' && method === 'glance-direct') {
    throw conflict("Image needs to be staged before 'glance-direct' method can be used");
  }
  if (containerFormat === null) throw conflict("'container_format' needs to be set before import");
  if (diskFormat === null) throw conflict("'disk_format' needs to be set before import");
}

function remoteOf(world: ImageWorld, { body, token }: ImportRequest, actor: Actor): Remote {
  const { glance_region: region, glance_image_id: imageId } = body.method ?? {};
  const face = body.method?.glance_service_interface ?? 'public';
  if (typeof region !== 'string') {
    throw invalid("'glance_region' needs to be set for glance-download import method");
  }
  if (typeof imageId !== 'string') {
    throw invalid("'glance_image_id' needs to be set for glance-download import method");
  }
  if (!isUuid(imageId)) throw invalid(`Remote image id does not look like a UUID: ${imageId}`);
  const sealedToken = region === world.regions.own ? '' : world.regions.seal(token);
  return { imageId, region, face: typeof face === 'string' ? face : '', actor, sealedToken };
}

function uriOf({ settings: { download } }: ImageWorld, wanted: unknown): string {
  return uriParse(wanted, download).href;
}

function storesOf(
  world: ImageWorld,
  image: Image,
  method: ImportMethod,
  { body, storeHeader }: ImportRequest,
): readonly string[] {
  const named = storesNamed(world, body, storeHeader);
  const unknown = named.find((id) => !world.stores.some((one) => one.id === id && isWritable(one)));
  if (unknown !== undefined) throw conflict(`Unknown scheme '${unknown}' found in URI`);
  if (method !== 'copy-image') return named;
  const there = named.find((id) => image.stores.includes(id));
  if (there !== undefined && body.all_stores !== true) {
    throw invalid(`Image is already present at store '${there}'`);
  }
  return named.filter((id) => !image.stores.includes(id));
}

function storesNamed(
  world: ImageWorld,
  { all_stores, stores }: ImportWanted,
  header: string | null,
): readonly string[] {
  const writable = world.stores.filter(isWritable).map(({ id }) => id);
  if (all_stores === true) {
    if (stores !== undefined || header !== null) {
      throw invalid(
        "All_stores parameter can't be used with x-image-meta-store header or stores parameter",
      );
    }
    return writable;
  }
  if (stores !== undefined) {
    if (header !== null) {
      throw invalid("Stores parameter and x-image-meta-store header can't be both specified");
    }
    return [...new Set(stores)];
  }
  return header === null ? writable.slice(0, 1) : [header];
}
