import { s3Store } from '../../image/stores/s3-store.ts';
import { storeClientOpen } from '../../image/stores/store-http.ts';
import { systemClock as clock } from '../../kernel/clock.ts';
import type { OutsideStore } from '../../object/blob/outside-blobs.ts';
import { exitCodes, UserError } from '../command.ts';

/** `http(s)://ACCESS:SECRET@HOST:PORT/BUCKET`: the same client that the image service uses for its stores. */
export const outsideOpen = (text: string): OutsideStore => outsideStore(outsideParse(text));

export function outsideParse(text: string): OutsidePlace {
  const url = URL.canParse(text) ? new URL(text) : null;
  const bucket = url?.pathname.replace(/^\/|\/$/g, '') ?? '';
  if (url === null || !/^https?:$/.test(url.protocol) || url.username === '' || bucket === '') {
    throw new UserError(
      '--bytes: it must be http(s)://ACCESS:SECRET@HOST:PORT/BUCKET',
      exitCodes.usage,
    );
  }
  return {
    endpoint: url.origin,
    bucket,
    access: decodeURIComponent(url.username),
    secret: decodeURIComponent(url.password),
    region: 'us-east-1',
  };
}

export interface OutsidePlace {
  readonly endpoint: string;
  readonly bucket: string;
  readonly access: string;
  readonly secret: string;
  readonly region: string;
}

export const outsideStore = (place: OutsidePlace): OutsideStore =>
  s3Store({
    ...place,
    id: 'bytes',
    description: 'The bytes of the object store',
    prefix: 'welkin/',
    style: 'path',
    client: storeClientOpen(null),
    clock,
  });
