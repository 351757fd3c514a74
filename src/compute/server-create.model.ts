import type { NicPlan, NicsWish } from '../network/port.ts';
import type { Wanted } from '../placement/inventory.ts';
import type { QuotaLimits } from './compute.world.ts';
import type { ServerFlavor, ServerImage, ServerKey } from './server.model.ts';

/** What a client wants, free of the wire's forms. */
export interface ServerCreate {
  readonly name: string;
  readonly description: string | null;
  /** Null: made of the name. */
  readonly hostname: string | null;
  readonly imageId: string;
  readonly flavorId: string;
  readonly adminPass: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly networks: NicsWish;
  /** By the position in `networks`. */
  readonly nicTags: readonly (string | null)[];
  /** Names or ids; null: the default group. */
  readonly securityGroups: readonly string[] | null;
  readonly keyName: string | null;
  readonly userData: string | null;
  readonly configDrive: boolean;
  /** As the API has it: `zone`, `zone:host`, `zone:host:node`. */
  readonly zone: string | null;
  readonly host: string | null;
  readonly minCount: number;
  readonly maxCount: number;
  readonly hints: Readonly<Record<string, unknown>>;
  readonly tags: readonly string[];
  readonly diskConfig: 'AUTO' | 'MANUAL';
  readonly accessIpV4: string | null;
  readonly accessIpV6: string | null;
}

/** What the request was found to mean, before anything was written. */
export interface ServerCreateFound {
  readonly flavor: ServerFlavor;
  readonly image: ServerImage;
  readonly key: ServerKey | null;
  readonly limits: QuotaLimits;
  readonly nics: readonly NicPlan[];
  readonly securityGroupIds: readonly string[];
  readonly zone: string | null;
  readonly placing: Wanted;
  readonly group: ServerGroupFound | null;
}

export interface ServerGroupFound {
  readonly id: string;
  readonly policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';
  readonly maxServersPerHost: number;
}

/** Input of the task that makes one server. */
export interface ServerCreateInput {
  readonly serverId: string;
  readonly actionId: string;
  readonly eventId: string;
  readonly nics: readonly {
    readonly portId: string;
    readonly isNew: boolean;
    readonly networkId: string;
    readonly fixedAddress: string | null;
  }[];
  readonly securityGroupIds: readonly string[];
}
