import {
  createEndpoint,
  deleteEndpoint,
  readEndpoints,
  updateEndpoint,
} from './collection.routes.ts';
import { networks } from './network.collection.ts';
import { NetworkChange, NetworkWish } from './network.schema.ts';
import { networkCreate, networkDelete, networkUpdate } from './network.ts';
import { ports } from './port.collection.ts';
import { PortChange, PortWish } from './port.schema.ts';
import { portCreate, portDelete, portUpdate } from './port-edit.ts';
import { subnets } from './subnet.collection.ts';
import { SubnetChange, SubnetWish } from './subnet.schema.ts';
import { subnetCreate, subnetDelete, subnetUpdate } from './subnet.ts';
import { tagEndpoints } from './tag.routes.ts';

export const networkRoutes = [
  ...readEndpoints(networks),
  createEndpoint(networks, NetworkWish, networkCreate),
  updateEndpoint(networks, NetworkChange, networkUpdate),
  deleteEndpoint(networks, networkDelete),
  ...tagEndpoints(networks),

  ...readEndpoints(subnets),
  createEndpoint(subnets, SubnetWish, subnetCreate),
  updateEndpoint(subnets, SubnetChange, subnetUpdate),
  deleteEndpoint(subnets, subnetDelete),
  ...tagEndpoints(subnets),

  ...readEndpoints(ports),
  createEndpoint(ports, PortWish, portCreate),
  updateEndpoint(ports, PortChange, portUpdate),
  deleteEndpoint(ports, portDelete),
  ...tagEndpoints(ports),
];
