import type { Flag } from '../kernel/db.ts';

/** What compute keeps in the region: what all cells share. Times are milliseconds; JSON is text, written whole. */
export interface ComputeRegionTables {
  flavor: FlavorTable;
  flavor_extra_spec: { flavor_id: string; key: string; value: string };
  /** Projects that may use a flavor which is not public. */
  flavor_access: { flavor_id: string; project_id: string };
  keypair: KeypairTable;
  /** `user_id` is `` for the limit of the whole project. */
  quota_limit: { project_id: string; user_id: string; resource: string; hard_limit: number };
  quota_class_limit: { class_name: string; resource: string; hard_limit: number };
  aggregate: AggregateTable;
  aggregate_metadata: { aggregate_id: number; key: string; value: string };
  aggregate_host: { aggregate_id: number; host: string };
  server_group: ServerGroupTable;
}

export interface FlavorTable {
  /** The API's flavor id: any text. */
  id: string;
  name: string;
  vcpus: number;
  ram_mib: number;
  disk_gib: number;
  ephemeral_gib: number;
  swap_mib: number;
  /** Times 1000: `rxtx_factor` 1.5 is 1500. */
  rxtx_factor_milli: number;
  is_public: Flag;
  disabled: Flag;
  description: string | null;
  created_at: number;
  updated_at: number | null;
}

export interface KeypairTable {
  /** Small number that the API shows as `id`. */
  number: number;
  user_id: string;
  name: string;
  type: 'ssh' | 'x509';
  public_key: string;
  fingerprint: string;
  created_at: number;
}

export interface AggregateTable {
  id: number;
  uuid: string;
  name: string;
  created_at: number;
  updated_at: number | null;
}

export interface ServerGroupTable {
  id: string;
  project_id: string;
  user_id: string;
  name: string;
  policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';
  /** JSON: `{"max_server_per_host": 3}`. */
  rules: string;
  created_at: number;
}

/** What a cell keeps: its hosts, and the servers on them. */
export interface ComputeCellTables {
  host: HostTable;
  claim: ClaimTable;
  server: ServerTable;
  server_nic: ServerNicTable;
  server_fault: ServerFaultTable;
  server_location: ServerLocationTable;
  instance_action: InstanceActionTable;
  instance_action_event: InstanceActionEventTable;
}

export interface HostTable {
  /** The API's `host` and `hypervisor_hostname`. */
  name: string;
  /** Id of the hypervisor, of the compute service and of the resource provider. */
  uuid: string;
  service_uuid: string;
  /** Small number that the API shows as id below 2.53. */
  number: number;
  /** Physical capacity, as the agent reported it. */
  vcpus: number;
  ram_mib: number;
  disk_gib: number;
  /** Kept back for the machine itself. */
  reserved_vcpus: number;
  reserved_ram_mib: number;
  reserved_disk_gib: number;
  /** Overcommitment times 1000: 16.0 is 16000. */
  vcpu_ratio_milli: number;
  ram_ratio_milli: number;
  disk_ratio_milli: number;
  /** Sums of the claims on this host. They change only together with claims, in one transaction. */
  used_vcpus: number;
  used_ram_mib: number;
  used_disk_gib: number;
  /** Grows with every change of inventory or claims: placement's generation. */
  generation: number;
  /** Where the host is; copied from the aggregates of the region, which are the truth. Null: the default zone. */
  availability_zone: string | null;
  /** JSON list of traits. */
  traits: string;
  /** New servers may come here. */
  enabled: Flag;
  disabled_reason: string | null;
  forced_down: Flag;
  /** JSON: `HostFacts` of the agent as last reported. */
  facts: string;
  /** Boot of the machine that the servers of this host were last compared with. */
  boot_id: string;
  seen_at: number;
  created_at: number;
  updated_at: number;
}

/** Reserved capacity: one row per server and host. */
export interface ClaimTable {
  server_id: string;
  host: string;
  vcpus: number;
  ram_mib: number;
  disk_gib: number;
  created_at: number;
}

export interface ServerTable {
  id: string;
  project_id: string;
  user_id: string;
  name: string;
  description: string | null;
  hostname: string;
  reservation_id: string;
  launch_index: number;

  image_id: string | null;
  /** JSON: `ServerImage`, as it was when the server was made from it. */
  image: string;
  /** JSON: `ServerFlavor`: a flavor may be deleted while servers have it. */
  flavor: string;
  /** Copies out of the flavor, for quotas. */
  vcpus: number;
  ram_mib: number;
  key_name: string | null;
  /** JSON: `ServerKey`, or null. */
  key: string | null;
  /** Base64, as the client gave it. */
  user_data: string | null;
  /** The guest is told it once more with every new config drive. */
  admin_pass: string | null;
  config_drive: Flag;
  /** JSON object of text. */
  metadata: string;
  /** `,red,blue,`: tags hold no comma. `` for none. */
  tags: string;

  vm_state: string;
  task_state: string | null;
  /** Nova's number: 0 none, 1 running, 3 paused, 4 shut down, 6 crashed, 7 suspended. */
  power_state: number;
  locked_by: 'owner' | 'admin' | null;
  locked_reason: string | null;
  progress: number;

  /** Null before the first claim. */
  host: string | null;
  /** What the client asked for; null: anywhere. */
  zone_wanted: string | null;
  host_wanted: string | null;
  /** JSON object, as the client gave it. */
  scheduler_hints: string;
  group_id: string | null;
  /** JSON list: hosts that refused the server since it was last placed anew. */
  hosts_refused: string;

  access_ip_v4: string | null;
  access_ip_v6: string | null;
  disk_config: 'AUTO' | 'MANUAL';

  /** What the agent is told; see `ServerWanted` in the contract with it. */
  generation: number;
  run_state: 'running' | 'paused' | 'suspended' | 'stopped';
  incarnation: number;
  grace_ms: number;
  disk_revision: number;
  /** Of what the guest is told of its network (groups, floating addresses), as last put to the agent. */
  facts_digest: string | null;

  deleted: Flag;
  created_at: number;
  updated_at: number;
  launched_at: number | null;
  terminated_at: number | null;
  deleted_at: number | null;
}

export interface ServerNicTable {
  port_id: string;
  server_id: string;
  /** Order in the guest. */
  position: number;
  network_id: string;
  /** Null until the port is made. */
  mac: string | null;
  mtu: number | null;
  tag: string | null;
}

export interface ServerFaultTable {
  id: string;
  server_id: string;
  code: number;
  message: string;
  details: string;
  host: string | null;
  created_at: number;
}

/** Where a server was, since when, by whose act. Only ever appended. */
export interface ServerLocationTable {
  id: string;
  server_id: string;
  /** Null: nowhere (deleted, shelved). */
  host: string | null;
  reason: string;
  user_id: string | null;
  request_id: string;
  at: number;
}

export interface InstanceActionTable {
  id: string;
  server_id: string;
  request_id: string;
  action: string;
  user_id: string;
  project_id: string;
  started_at: number;
  updated_at: number;
  finished_at: number | null;
  message: string | null;
}

export interface InstanceActionEventTable {
  id: string;
  action_id: string;
  event: string;
  host: string | null;
  started_at: number;
  finished_at: number | null;
  result: 'Success' | 'Error' | null;
  /** For administrators. */
  traceback: string | null;
  /** For the owner, from 2.84 on. */
  details: string | null;
}
