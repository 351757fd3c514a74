import { s3Front } from '../../fronts/s3/s3.front.ts';
import { s3Reconcilers } from '../../fronts/s3/s3.reconcilers.ts';
import type { Front } from '../../object/front.ts';
import type { ObjectFronts } from './object-serve.ts';

const absent: Front = async (request, response) => {
  if (request.url === '/info') {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
    return;
  }
  response.writeHead(501, { 'Content-Length': 0 }).end();
};

/** The tongues that the store speaks. */
export const objectFronts: ObjectFronts = {
  swift: absent,
  s3: s3Front,
  reconcilers: s3Reconcilers,
};
