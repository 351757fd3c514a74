import type { NamespaceWanted } from '../metadef.schema.ts';

const image = { name: 'OS::Glance::Image' };
const uuidPattern =
  '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$';

/** What the image and volume services understand of images, and what describes the system in one. */
export const imageDefinitions: readonly NamespaceWanted[] = [
  {
    namespace: 'OS::Glance::CommonImageProperties',
    visibility: 'public',
    protected: true,
    display_name: 'Common properties',
    description: 'What is commonly said of an image.',
    properties: {
      kernel_id: {
        type: 'string',
        pattern: uuidPattern,
        title: 'Kernel',
        description: 'Image of the kernel with which servers boot.',
      },
      ramdisk_id: {
        type: 'string',
        pattern: uuidPattern,
        title: 'Ramdisk',
        description: 'Image of the ramdisk with which servers boot.',
      },
      instance_uuid: {
        type: 'string',
        title: 'Server',
        description: 'The server of which the image is a snapshot.',
      },
      architecture: {
        type: 'string',
        title: 'Architecture',
        description: 'Instruction set of the system, such as x86_64 or aarch64.',
      },
      os_distro: {
        type: 'string',
        title: 'Distribution',
        description: 'Short name of the distribution in lower case, such as debian.',
      },
      os_version: {
        type: 'string',
        title: 'Version',
        description: "The distributor's version of the system.",
      },
      hw_cpu_mode: { type: 'string', title: 'CPU mode', description: 'Which CPU the guest sees.' },
      description: {
        type: 'string',
        title: 'Description',
        description: 'What people should know of the image.',
      },
      cinder_encryption_key_id: {
        type: 'string',
        title: 'Key',
        description: 'Key with which the volume in the image is encrypted.',
      },
      cinder_encryption_key_deletion_policy: {
        type: 'string',
        enum: ['on_image_deletion', 'do_not_delete'],
        title: 'Fate of the key',
        description: 'Whether the key goes with the image.',
      },
    },
  },
  {
    namespace: 'OS::Glance::Signatures',
    visibility: 'public',
    protected: false,
    display_name: 'Signature',
    description: 'Who vouches for the bytes of an image: they are checked when they are uploaded.',
    resource_type_associations: [image],
    properties: {
      img_signature: {
        type: 'string',
        title: 'Signature',
        description: 'Signature of the bytes, in base64.',
      },
      img_signature_certificate_uuid: {
        type: 'string',
        title: 'Certificate',
        description: 'Id of the certificate that verifies it.',
      },
      img_signature_hash_method: {
        type: 'string',
        enum: ['SHA-224', 'SHA-256', 'SHA-384', 'SHA-512'],
        title: 'Hash',
        description: 'Hash over the bytes that was signed.',
      },
      img_signature_key_type: {
        type: 'string',
        enum: [
          'RSA-PSS',
          'DSA',
          'ECC_SECT571K1',
          'ECC_SECT409K1',
          'ECC_SECT571R1',
          'ECC_SECT409R1',
          'ECC_SECP521R1',
          'ECC_SECP384R1',
        ],
        title: 'Kind of key',
        description: 'The signing algorithm or curve.',
      },
    },
  },
  {
    namespace: 'OS::OperatingSystem',
    visibility: 'public',
    protected: true,
    display_name: 'Operating system',
    description: 'Which system is in an image and how to log in to it.',
    resource_type_associations: [image, { name: 'OS::Cinder::Volume', properties_target: 'image' }],
    properties: {
      os_distro: {
        type: 'string',
        title: 'Distribution',
        description: 'Short name of the distribution in lower case.',
      },
      os_version: {
        type: 'string',
        title: 'Version',
        description: "The distributor's version of the system.",
      },
      os_admin_user: {
        type: 'string',
        title: 'Administrator',
        description: 'Name of the account that may do everything.',
      },
    },
  },
  {
    namespace: 'OS::Cinder::Volumetype',
    visibility: 'public',
    protected: true,
    display_name: 'Volume type',
    description: 'On which kind of volume an image is put.',
    resource_type_associations: [{ ...image, prefix: 'cinder_' }],
    properties: {
      img_volume_type: {
        type: 'string',
        title: 'Volume type',
        description: 'Type of volumes made from the image when none is asked for.',
      },
    },
  },
];
