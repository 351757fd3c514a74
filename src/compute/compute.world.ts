import type { AgentMirror } from '../cluster/agent-mirror.ts';
import type { Hosts } from '../cluster/port.ts';
import type { ImagePort } from '../image/port.ts';
import type { Db } from '../kernel/db.ts';
import type { KernelTables } from '../kernel/tables.ts';
import type { NetworkPort } from '../network/port.ts';
import type { Inventory } from '../placement/inventory.ts';
import type { ComputeCellTables, ComputeRegionTables } from './compute.tables.ts';

export type CellTables = ComputeCellTables & KernelTables;

/** What compute is made of. */
export interface ComputeWorld {
  readonly region: Db<ComputeRegionTables>;
  readonly cell: Db<CellTables>;
  readonly settings: ComputeSettings;
  readonly images: ImagePort;
  readonly network: NetworkPort;
  readonly hosts: Hosts;
  /** What the agents last reported. */
  readonly mirror: AgentMirror;
  readonly tasks: TaskSignals;
  /** This process's picture of the cell's hosts. */
  readonly inventory: Inventory;
}

export interface ComputeSettings {
  /** Zone of hosts that no aggregate puts elsewhere. */
  readonly defaultZone: string;
  /** For hosts that join from now on; an administrator changes them per host through placement. */
  readonly vcpuRatio: number;
  readonly ramRatio: number;
  readonly diskRatio: number;
  readonly reservedRamMib: number;
  /** Limits of a project for which nothing else was set; -1 is unlimited. */
  readonly quotas: QuotaLimits;
  /** What a guest gets between the power button and the end of its process. */
  readonly shutdownGraceMs: number;
}

export type QuotaLimits = Readonly<Record<QuotaResource, number>>;
export const quotaResources = [
  'instances',
  'cores',
  'ram',
  'metadata_items',
  'injected_files',
  'injected_file_content_bytes',
  'injected_file_path_bytes',
  'key_pairs',
  'server_groups',
  'server_group_members',
  'fixed_ips',
  'floating_ips',
  'security_groups',
  'security_group_rules',
] as const;
export type QuotaResource = (typeof quotaResources)[number];

export const computeSettingsDefault: ComputeSettings = {
  defaultZone: 'nova',
  vcpuRatio: 4,
  ramRatio: 1,
  diskRatio: 1,
  reservedRamMib: 512,
  quotas: {
    instances: 10,
    cores: 20,
    ram: 51_200,
    metadata_items: 128,
    injected_files: 5,
    injected_file_content_bytes: 10_240,
    injected_file_path_bytes: 255,
    key_pairs: 100,
    server_groups: 10,
    server_group_members: 10,
    fixed_ips: -1,
    floating_ips: -1,
    security_groups: -1,
    security_group_rules: -1,
  },
  shutdownGraceMs: 60_000,
};

/** The runner of the cell's tasks. */
export interface TaskSignals {
  wake(): void;
  cancelled(subject: string): void;
}
