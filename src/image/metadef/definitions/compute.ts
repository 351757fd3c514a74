import type { NamespaceWanted } from '../metadef.schema.ts';
const image = { name: 'OS::Glance::Image' };
const flavor = { name: 'OS::Nova::Flavor' };
const aggregate = { name: 'OS::Nova::Aggregate' };
const onImage = { ...image, prefix: 'hw_' };
const onVolume = { name: 'OS::Cinder::Volume', prefix: 'hw_', properties_target: 'image' };
const onFlavor = { ...flavor, prefix: 'hw:' };
const yesNo = { type: 'string' as const, enum: ['yes', 'no'] };
const positive = { type: 'integer', minimum: 1 } as const;
const count = { type: 'integer', minimum: 0 } as const;
const schema = {
  visibility: 'public',
  protected: true,
} as const;

/** What compute understands of CPUs, memory, limits and hosts. */
export const computeDefinitions: readonly NamespaceWanted[] = [
  {
    ...schema,
    namespace: 'OS::Compute::VirtCPUTopology',
    display_name: 'Virtual CPU topology',
    description: 'How the virtual CPUs of a server are laid out as sockets, cores and threads.',
    resource_type_associations: [onImage, onVolume, onFlavor],
    properties: {
      cpu_sockets: { ...positive, title: 'Sockets', description: 'Preferred number of sockets.' },
      cpu_cores: {
        ...positive,
        title: 'Cores',
        description: 'Preferred number of cores of each socket.',
      },
      cpu_threads: {
        ...positive,
        title: 'Threads',
        description: 'Preferred number of threads of each core.',
      },
      cpu_max_sockets: {
        ...positive,
        title: 'Most sockets',
        description: 'No more sockets than this.',
      },
      cpu_max_cores: {
        ...positive,
        title: 'Most cores',
        description: 'No more cores of a socket than this.',
      },
      cpu_max_threads: {
        ...positive,
        title: 'Most threads',
        description: 'No more threads of a core than this.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::CPUMode',
    display_name: 'CPU mode',
    description: 'Which CPU the guest sees.',
    resource_type_associations: [onImage, onFlavor],
    properties: {
      cpu_mode: {
        type: 'string',
        enum: ['none', 'host-model', 'host-passthrough', 'custom'],
        title: 'CPU mode',
        description:
          "A model near the host's, the host's own, one named by the operator, or the hypervisor's default.",
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::CPUPinning',
    display_name: 'CPU pinning',
    description: 'Whether virtual CPUs have CPUs of the host for themselves.',
    resource_type_associations: [onImage, onVolume, onFlavor],
    properties: {
      cpu_policy: {
        type: 'string',
        enum: ['shared', 'dedicated'],
        title: 'Pinning',
        description:
          '`dedicated` gives each virtual CPU a CPU of the host, `shared` lets them float.',
      },
      cpu_thread_policy: {
        type: 'string',
        enum: ['isolate', 'prefer', 'require'],
        title: 'Thread siblings',
        description:
          'What pinned CPUs do with hyper-threads: keep them idle, use them if there are, or demand them.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::GuestMemoryBacking',
    display_name: 'Memory pages',
    description: "Which pages of the host hold a guest's memory.",
    resource_type_associations: [onFlavor, onImage, onVolume],
    properties: {
      mem_page_size: {
        type: 'string',
        title: 'Page size',
        description: '`small`, `large`, `any`, or a size in KiB or with a unit, such as 2MB.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::GuestShutdownBehavior',
    display_name: 'Shutdown',
    description: 'How a guest is stopped.',
    resource_type_associations: [image],
    properties: {
      os_shutdown_timeout: {
        ...count,
        title: 'Patience',
        description: 'Seconds that the guest may take to shut itself down before its power is cut.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::Hypervisor',
    display_name: 'Hypervisor',
    description: 'Which hypervisors an image is made for.',
    resource_type_associations: [image],
    properties: {
      hypervisor_type: {
        type: 'string',
        enum: [
          'baremetal',
          'hyperv',
          'kvm',
          'lxc',
          'powervm',
          'qemu',
          'uml',
          'vmware',
          'vz',
          'xen',
        ],
        title: 'Hypervisor',
        description: 'Only hosts of this hypervisor run the image.',
      },
      vm_mode: {
        type: 'string',
        enum: ['hvm', 'xen', 'uml', 'exe'],
        title: 'Virtual machine mode',
        description: 'The binary interface that the guest expects; hvm is a whole machine.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::InstanceData',
    display_name: 'Data for the guest',
    description:
      'How a guest gets its configuration, and whether its disks must be at rest when they are copied.',
    resource_type_associations: [image, { name: 'OS::Cinder::Volume', properties_target: 'image' }],
    properties: {
      img_config_drive: {
        type: 'string',
        enum: ['optional', 'mandatory'],
        title: 'Configuration drive',
        description: 'Whether servers of this image always get a configuration drive.',
      },
      os_require_quiesce: {
        ...yesNo,
        title: 'File systems at rest',
        description: 'Snapshots are taken only after the guest agent has frozen the file systems.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::Quota',
    display_name: 'Limits of a flavor',
    description: 'How much of the host servers of a flavor may use.',
    resource_type_associations: [flavor],
    objects: [
      {
        name: 'CPU Limits',
        description: 'Shares and ceilings of CPU time.',
        properties: {
          'quota:cpu_shares': {
            type: 'integer',
            title: 'Shares',
            description: 'Weight against other guests when the CPUs are busy.',
          },
          'quota:cpu_period': {
            type: 'integer',
            minimum: 1000,
            maximum: 1_000_000,
            title: 'Period',
            description: 'Microseconds over which the ceiling is measured.',
          },
          'quota:cpu_quota': {
            type: 'integer',
            title: 'Ceiling',
            description: 'Microseconds of CPU time in each period; negative for none.',
          },
        },
      },
      {
        name: 'Disk QoS',
        description: 'Ceilings of what a disk reads and writes.',
        properties: {
          'quota:disk_read_bytes_sec': {
            type: 'integer',
            title: 'Bytes read',
            description: 'Bytes read in a second.',
          },
          'quota:disk_read_iops_sec': {
            type: 'integer',
            title: 'Reads',
            description: 'Read operations in a second.',
          },
          'quota:disk_write_bytes_sec': {
            type: 'integer',
            title: 'Bytes written',
            description: 'Bytes written in a second.',
          },
          'quota:disk_write_iops_sec': {
            type: 'integer',
            title: 'Writes',
            description: 'Write operations in a second.',
          },
          'quota:disk_total_bytes_sec': {
            type: 'integer',
            title: 'Bytes',
            description: 'Bytes read and written in a second.',
          },
          'quota:disk_total_iops_sec': {
            type: 'integer',
            title: 'Operations',
            description: 'Operations of both kinds in a second.',
          },
        },
      },
      {
        name: 'Virtual Interface QoS',
        description: 'Ceilings of what a network card receives and sends.',
        properties: {
          'quota:vif_inbound_average': {
            type: 'integer',
            title: 'Received',
            description: 'KiB received in a second, on average.',
          },
          'quota:vif_inbound_burst': {
            type: 'integer',
            title: 'Received in a burst',
            description: 'KiB that may come at the peak rate.',
          },
          'quota:vif_inbound_peak': {
            type: 'integer',
            title: 'Received at most',
            description: 'KiB received in a second at the peak.',
          },
          'quota:vif_outbound_average': {
            type: 'integer',
            title: 'Sent',
            description: 'KiB sent in a second, on average.',
          },
          'quota:vif_outbound_burst': {
            type: 'integer',
            title: 'Sent in a burst',
            description: 'KiB that may go at the peak rate.',
          },
          'quota:vif_outbound_peak': {
            type: 'integer',
            title: 'Sent at most',
            description: 'KiB sent in a second at the peak.',
          },
        },
      },
    ],
  },
  {
    ...schema,
    namespace: 'OS::Compute::AggregateDiskFilter',
    display_name: 'Disk of hosts',
    description: 'How far the disks of the hosts of an aggregate are promised.',
    resource_type_associations: [aggregate],
    properties: {
      disk_allocation_ratio: {
        type: 'number',
        title: 'Disk ratio',
        description: 'GiB promised for each GiB there is.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::AggregateIoOpsFilter',
    display_name: 'Busy hosts',
    description: 'How much work hosts of an aggregate may do at once.',
    resource_type_associations: [aggregate],
    properties: {
      max_io_ops_per_host: {
        ...positive,
        default: 8,
        title: 'Operations',
        description: 'Servers being built, resized, copied or moved on one host at once.',
      },
    },
  },
  {
    ...schema,
    protected: false,
    namespace: 'OS::Compute::AggregateNumInstancesFilter',
    display_name: 'Servers per host',
    description: 'How many servers a host of an aggregate may have.',
    resource_type_associations: [aggregate],
    properties: {
      max_instances_per_host: {
        ...count,
        title: 'Servers',
        description: 'No more servers on one host than this.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::HostCapabilities',
    display_name: 'Host capabilities',
    description: 'What the CPU of a host must be, for flavors that ask for it.',
    resource_type_associations: [
      { ...flavor, prefix: 'capabilities:' },
      { ...aggregate, prefix: 'aggregate_instance_extra_specs:' },
    ],
    properties: {
      'cpu_info:vendor': {
        type: 'string',
        enum: ['Intel', 'AMD'],
        operators: ['<or>'],
        title: 'Vendor',
        description: 'Who made the CPU.',
      },
      'cpu_info:model': {
        type: 'string',
        operators: ['<or>'],
        title: 'Model',
        description: 'The model as the hypervisor names it, such as Haswell.',
      },
      'cpu_info:arch': {
        type: 'string',
        enum: ['x86', 'x86_64', 'i686', 'ia64', 'ARMv8-A', 'ARMv7-A'],
        operators: ['<or>'],
        title: 'Architecture',
        description: 'The instruction set.',
      },
      'cpu_info:topology:sockets': {
        type: 'integer',
        default: 1,
        title: 'Sockets',
        description: 'Sockets of the host.',
      },
      'cpu_info:topology:cores': {
        type: 'integer',
        default: 1,
        title: 'Cores',
        description: 'Cores of each socket.',
      },
      'cpu_info:topology:threads': {
        type: 'integer',
        default: 1,
        title: 'Threads',
        description: 'Threads of each core.',
      },
      'cpu_info:features': {
        type: 'array',
        items: { type: 'string' },
        operators: ['<or>', '<all-in>'],
        title: 'Features',
        description: 'Flags of the CPU, such as avx2 or aes.',
      },
    },
  },
];
