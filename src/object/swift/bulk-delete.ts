import { bulkBody, bulkType, type Problem } from './bulk-reply.ts';
import { limits } from './limits.ts';
import {
  failureReply,
  refuse,
  Refusal,
  statusLine,
  textOf,
  type SwiftReply,
} from './swift.reply.ts';
import { pathQuote, percentDecode, splitOnce } from './place.ts';
import { noBody, type SwiftRequest } from './swift.request.ts';

export const bulkDeleteLimits = { names: 10_000, failures: 1000 } as const;

/** Deletes what a request of its own would delete. */
export type Remove = (request: SwiftRequest) => Promise<SwiftReply>;

/** `?bulk-delete`: one quoted path a line. */
export async function bulkDeletePost(request: SwiftRequest, remove: Remove): Promise<SwiftReply> {
  const type = request.headers['content-type'];
  if (
    request.headers['accept'] !== undefined &&
    request.headers['accept'].startsWith('text/html')
  ) {
    throw refuse(406);
  }
  if (request.sizeBytes === null && !request.isChunked) throw refuse(411);
  if (type !== undefined && type !== '' && !type.startsWith('text/plain')) throw refuse(406);
  const outType = bulkType(request);
  try {
    return await bulkDelete(request, await namesRead(request), remove);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { status } = error.reply;
    const facts = {
      ...emptyFacts,
      'Response Status': statusLine(status),
      'Response Body': textOf(error.reply),
    };
    return {
      status: 200,
      headers: { 'content-type': outType },
      body: bulkBody(outType, facts, [], 'delete'),
    };
  }
}

const emptyFacts = {
  'Number Deleted': 0,
  'Number Not Found': 0,
  'Response Body': '',
  'Response Status': '200 OK',
};

async function namesRead({ body }: SwiftRequest): Promise<string[]> {
  const names: string[] = [];
  let rest = Buffer.alloc(0);
  const lineMax = 3 * (limits.containerNameBytes + limits.objectNameBytes) + 2;
  const take = (line: Buffer): void => {
    const name = line.toString('utf8').trim();
    if (name === '') return;
    names.push(name);
    if (names.length > bulkDeleteLimits.names) {
      throw refuse(413, `Maximum Bulk Deletes: ${bulkDeleteLimits.names} per request`);
    }
  };
  for await (const chunk of body) {
    rest = Buffer.concat([rest, chunk]);
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      take(rest.subarray(0, at));
      rest = rest.subarray(at + 1);
    }
    if (rest.length > lineMax) throw refuse(400, 'Invalid File Name');
  }
  take(rest);
  return names;
}

/** Objects before containers, so that a container may be listed together with what is in it. */
export async function bulkDelete(
  request: SwiftRequest,
  names: readonly string[],
  remove: Remove,
): Promise<SwiftReply> {
  const problems: Problem[] = [];
  const facts = { ...emptyFacts };
  const isObject = (name: string): boolean => name.replace(/^\/+|\/+$/g, '').includes('/');
  const ordered = [...names.filter(isObject), ...names.filter((name) => !isObject(name))];
  for (const name of ordered) {
    const status = await oneDelete(request, name, remove);
    if (status >= 200 && status < 300) facts['Number Deleted']++;
    else if (status === 404) facts['Number Not Found']++;
    else problems.push([pathQuote(percentDecode(name) ?? name), statusLine(status)]);
    if (problems.length >= bulkDeleteLimits.failures) {
      facts['Response Body'] = 'Max delete failures exceeded';
      break;
    }
  }
  if (problems.length > 0) facts['Response Status'] = '400 Bad Request';
  else if (facts['Number Deleted'] + facts['Number Not Found'] === 0) {
    Object.assign(facts, {
      'Response Status': '400 Bad Request',
      'Response Body': 'Invalid bulk delete.',
    });
  }
  const type = bulkType(request);
  return {
    status: 200,
    headers: { 'content-type': type },
    body: bulkBody(type, facts, problems, 'delete'),
  };
}

async function oneDelete(request: SwiftRequest, name: string, remove: Remove): Promise<number> {
  const decoded = percentDecode(name);
  if (decoded === null) return 412;
  const [container = '', object] = splitOnce(decoded.replace(/^\/+/, ''), '/');
  if (container === '') return 412;
  try {
    const place = { account: request.account, container, object: object || null };
    const done = await remove({
      ...request,
      ...place,
      method: 'DELETE',
      query: new Map(),
      body: noBody(),
      sizeBytes: 0,
      isChunked: false,
    });
    return done.status;
  } catch (error) {
    const refused = failureReply(error);
    if (refused === null) throw error;
    return refused.status;
  }
}
