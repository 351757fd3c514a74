import {
  createEndpoint,
  deleteEndpoint,
  readEndpoints,
  updateEndpoint,
} from './collection.routes.ts';
import { floatingIps } from './floating-ip.collection.ts';
import { FloatingIpChange, FloatingIpWish } from './floating-ip.schema.ts';
import { floatingIpCreate, floatingIpDelete, floatingIpUpdate } from './floating-ip.ts';
import { tagEndpoints } from './tag.routes.ts';

export const floatingIpRoutes = [
  ...readEndpoints(floatingIps),
  createEndpoint(floatingIps, FloatingIpWish, floatingIpCreate),
  updateEndpoint(floatingIps, FloatingIpChange, floatingIpUpdate),
  deleteEndpoint(floatingIps, floatingIpDelete),
  ...tagEndpoints(floatingIps),
];
