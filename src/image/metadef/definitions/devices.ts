import type { NamespaceWanted } from '../metadef.schema.ts';
const image = { name: 'OS::Glance::Image' };
const flavor = { name: 'OS::Nova::Flavor' };
const onImage = { ...image, prefix: 'hw_' };
const onVolume = { name: 'OS::Cinder::Volume', prefix: 'hw_', properties_target: 'image' };
const onFlavor = { ...flavor, prefix: 'hw:' };
const yesNo = { type: 'string' as const, enum: ['yes', 'no'] };
const trueFalse = { type: 'string' as const, enum: ['true', 'false'] };
const count = { type: 'integer', minimum: 0 } as const;
const buses = ['scsi', 'virtio', 'uml', 'xen', 'ide', 'usb', 'fdc', 'sata', 'lxc'];
const schema = {
  visibility: 'public',
  protected: true,
} as const;

/** What compute understands of the devices of a guest. */
export const deviceDefinitions: readonly NamespaceWanted[] = [
  {
    ...schema,
    namespace: 'OS::Compute::LibvirtImage',
    display_name: 'Virtual devices',
    description: 'Which devices the hypervisor gives to servers of an image.',
    resource_type_associations: [image],
    properties: {
      hw_disk_bus: {
        type: 'string',
        enum: buses,
        title: 'Disk bus',
        description: 'Where disks are attached.',
      },
      hw_cdrom_bus: {
        type: 'string',
        enum: buses,
        title: 'CD bus',
        description: 'Where CD drives are attached.',
      },
      hw_scsi_model: {
        type: 'string',
        default: 'virtio-scsi',
        title: 'SCSI controller',
        description: 'Model of the controller of SCSI disks.',
      },
      hw_vif_model: {
        type: 'string',
        enum: [
          'e1000',
          'e1000e',
          'ne2k_pci',
          'netfront',
          'pcnet',
          'rtl8139',
          'spapr-vlan',
          'virtio',
          'vmxnet3',
          'igb',
        ],
        title: 'Network card',
        description: 'Model of the virtual network cards.',
      },
      hw_vif_multiqueue_enabled: {
        ...trueFalse,
        title: 'Queues',
        description: 'One queue of the network card for each virtual CPU.',
      },
      hw_rng_model: {
        type: 'string',
        default: 'virtio',
        title: 'Random numbers',
        description: 'Model of the device that gives the guest randomness.',
      },
      hw_machine_type: {
        type: 'string',
        title: 'Machine',
        description: "The hypervisor's machine type, such as q35.",
      },
      hw_firmware_type: {
        type: 'string',
        enum: ['bios', 'uefi'],
        title: 'Firmware',
        description: 'What starts the guest.',
      },
      hw_firmware_stateless: {
        type: 'boolean',
        title: 'Firmware without memory',
        description: 'The firmware keeps nothing between two starts.',
      },
      hw_video_model: {
        type: 'string',
        enum: ['vga', 'cirrus', 'vmvga', 'xen', 'qxl', 'virtio', 'gop', 'none', 'bochs'],
        title: 'Graphics card',
        description: 'Model of the virtual graphics card.',
      },
      hw_video_ram: {
        ...count,
        title: 'Graphics memory',
        description: 'Memory of the graphics card in MiB; the flavor limits it.',
      },
      hw_pointer_model: {
        type: 'string',
        enum: ['usbtablet'],
        title: 'Pointer',
        description: 'A tablet, whose position is absolute.',
      },
      hw_qemu_guest_agent: {
        ...yesNo,
        title: 'Guest agent',
        description: 'The guest runs the QEMU agent, so a channel to it is opened.',
      },
      hw_pmu: {
        ...trueFalse,
        title: 'Performance counters',
        description: 'Whether the guest sees counters of the CPU.',
      },
      img_hide_hypervisor_id: {
        ...yesNo,
        title: 'Hidden hypervisor',
        description: 'The guest is not told that it is one.',
      },
      os_command_line: {
        type: 'string',
        title: 'Kernel command line',
        description: 'Replaces the default where the image boots by a kernel of its own.',
      },
      os_type: {
        type: 'string',
        enum: ['linux', 'windows'],
        title: 'Kind of system',
        description: 'Chooses between the conventions of the two.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::Libvirt',
    display_name: 'Machine options',
    description: 'Options of the virtual machine that both an image and a flavor may set.',
    resource_type_associations: [onImage, onFlavor],
    properties: {
      serial_port_count: {
        ...count,
        title: 'Serial ports',
        description: 'How many serial ports the guest has.',
      },
      boot_menu: {
        ...trueFalse,
        title: 'Boot menu',
        description: 'Whether the firmware asks from what to boot.',
      },
      mem_encryption: {
        ...trueFalse,
        title: 'Encrypted memory',
        description: "The guest's memory is encrypted by the CPU.",
      },
      mem_encryption_model: {
        type: 'string',
        enum: ['amd-sev', 'amd-sev-es', 'amd-sev-snp'],
        title: 'Kind of memory encryption',
        description: 'What the CPU must be able to do.',
      },
      virtio_packed_ring: {
        ...trueFalse,
        title: 'Packed rings',
        description: 'Virtio devices use the packed form of their queues.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::RandomNumberGenerator',
    display_name: 'Random numbers',
    description: 'Whether servers of a flavor get a random number device, and how much it gives.',
    resource_type_associations: [flavor],
    properties: {
      'hw_rng:allowed': {
        type: 'boolean',
        title: 'Allowed',
        description: 'Servers of the flavor may have the device.',
      },
      'hw_rng:rate_bytes': {
        type: 'integer',
        title: 'Bytes',
        description: 'What the guest may read in one period.',
      },
      'hw_rng:rate_period': {
        type: 'integer',
        title: 'Period',
        description: 'Length of the period in milliseconds.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::TPM',
    display_name: 'TPM device',
    description: 'A virtual Trusted Platform Module.',
    resource_type_associations: [onFlavor, onImage],
    properties: {
      tpm_model: {
        type: 'string',
        enum: ['tpm-tis', 'tpm-crb'],
        default: 'tpm-tis',
        operators: ['<or>'],
        title: 'Interface',
        description: 'How the guest talks to it; tpm-crb needs version 2.0.',
      },
      tpm_version: {
        type: 'string',
        enum: ['1.2', '2.0'],
        operators: ['<or>'],
        title: 'Version',
        description: 'Version of the TPM standard.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::VTPM',
    display_name: 'TPM capability',
    description: 'Demands hosts that can emulate a Trusted Platform Module.',
    resource_type_associations: [
      { ...flavor, prefix: 'traits:' },
      { ...image, prefix: 'traits:' },
    ],
    properties: {
      COMPUTE_SECURITY_TPM_1_2: {
        type: 'string',
        enum: ['required'],
        default: 'required',
        title: 'TPM 1.2',
        description: 'The host emulates version 1.2.',
      },
      COMPUTE_SECURITY_TPM_2_0: {
        type: 'string',
        enum: ['required'],
        default: 'required',
        title: 'TPM 2.0',
        description: 'The host emulates version 2.0.',
      },
    },
  },
  {
    ...schema,
    namespace: 'OS::Compute::Watchdog',
    display_name: 'Watchdog',
    description: 'What happens when a guest no longer feeds its watchdog.',
    resource_type_associations: [onImage, onVolume, onFlavor],
    properties: {
      watchdog_action: {
        type: 'string',
        enum: ['disabled', 'reset', 'poweroff', 'pause', 'none'],
        title: 'Action',
        description: '`none` only reports it, `disabled` gives the guest no watchdog.',
      },
    },
  },
];
