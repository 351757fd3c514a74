import type { IncomingMessage } from 'node:http';
import type { ObjectWorld } from '../../object/object.world.ts';
import { bucketFind } from './bucket-find.ts';
import { S3Failure } from './failure.ts';
import type { Reply, Scene } from './scene.ts';
import { corsAskedOf, corsHeaders, corsMatch, type CorsRule } from './settings/cors.ts';
import type { Address } from './wire/address.ts';

/** A browser asks before it sends; it brings no signature, and is told nothing but what the rules say. */
export async function corsPreflight(
  { headers }: IncomingMessage,
  world: ObjectWorld,
  { bucket: name }: Address,
): Promise<Reply> {
  const { origin } = headers;
  if (origin === undefined) {
    throw new S3Failure('BadRequest', 'Insufficient information. Origin request header needed.');
  }
  const asked = corsAskedOf(
    origin,
    headers['access-control-request-method'],
    headers['access-control-request-headers'],
  );
  const bucket = name === null ? null : await bucketFind(world, name, null);
  const rules = bucket?.document<readonly CorsRule[]>('s3:cors') ?? null;
  const rule = rules === null ? null : corsMatch(rules, asked);
  if (rule === null) {
    throw new S3Failure(
      'AccessDenied',
      rules === null
        ? 'CORSResponse: CORS is not enabled for this bucket.'
        : "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    );
  }
  return { status: 200, headers: corsHeaders(rule, asked) };
}

/** Null: the request is not from another site's page, or no rule lets that page read the answer. */
export function corsReplyHeaders(scene: Scene): Record<string, string> | null {
  const origin = scene.header('origin');
  if (origin === null || !scene.hasBucket) return null;
  const rules = scene.bucket.document<readonly CorsRule[]>('s3:cors');
  const asked = { origin, method: scene.request.method ?? 'GET', headers: [] };
  const rule = rules === null ? null : corsMatch(rules, asked);
  return rule === null ? null : corsHeaders(rule, asked);
}
