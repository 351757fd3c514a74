import type { PolicyDefaults } from '../kernel/policy.ts';
import { metadefPolicy } from './metadef/metadef.policy.ts';

const admin = 'role:admin';
const ownerMember = 'role:member and project_id:%(project_id)s';
const ownerReader = 'role:reader and project_id:%(project_id)s';
const imageMember = 'project_id:%(member_id)s';
const visible = `project_id:%(project_id)s or ${imageMember} or 'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s`;

const adminOrMember = `${admin} or (${ownerMember})`;
const adminOrReader = `${admin} or (${ownerReader})`;
const adminOrReaderOrShared = `${admin} or (role:reader and (project_id:%(project_id)s or ${imageMember}))`;

export const imagePolicy: PolicyDefaults = {
  context_is_admin: { check: admin, description: 'Sees and changes images of every project' },
  add_image: {
    check: `${admin} or (${ownerMember} and project_id:%(owner)s)`,
    description: 'Create an image',
  },
  delete_image: { check: adminOrMember, description: 'Delete an image' },
  get_image: { check: `${admin} or (role:reader and (${visible}))`, description: 'Show an image' },
  get_images: { check: adminOrReader, description: 'List images' },
  modify_image: { check: adminOrMember, description: 'Change an image' },
  publicize_image: { check: admin, description: 'Make an image public' },
  communitize_image: { check: adminOrMember, description: 'Make an image a community image' },
  download_image: {
    check: `${admin} or (role:member and (${visible}))`,
    description: 'Download the bytes of an image',
  },
  download_from_store: {
    check: `${admin} or (role:member and (${visible}))`,
    description: 'Say from which stores the bytes of an image shall come',
  },
  upload_image: { check: adminOrMember, description: 'Upload the bytes of an image' },
  get_image_location: { check: adminOrReader, description: 'See where an image is stored' },
  set_image_location: {
    check: adminOrMember,
    description: 'Change the locations of an image, where they are shown',
  },
  delete_image_location: { check: admin, description: 'Remove an image from one of its stores' },
  add_member: { check: adminOrMember, description: 'Share an image with a project' },
  delete_member: { check: adminOrMember, description: 'Stop sharing an image with a project' },
  get_member: { check: adminOrReaderOrShared, description: 'Show a member of an image' },
  get_members: { check: adminOrReaderOrShared, description: 'List the members of an image' },
  modify_member: {
    check: `${admin} or (role:member and ${imageMember})`,
    description: 'Accept or reject an image shared with the project',
  },
  deactivate: { check: adminOrMember, description: 'Withhold the bytes of an image' },
  reactivate: { check: adminOrMember, description: 'Give the bytes of an image out again' },
  stores_info_detail: {
    check: `${admin} or role:service`,
    description: 'See the properties of the stores',
  },
  add_image_location: {
    check: `role:service or (${ownerMember} and project_id:%(owner)s)`,
    description: 'Say where on the web the bytes of an image are',
  },
  fetch_image_location: {
    check: 'role:service',
    description: 'See in which stores the bytes of an image are',
  },
  cache_list: { check: admin, description: 'List the images that hosts have, or shall have' },
  cache_image: { check: admin, description: 'Bring an image to the hosts' },
  cache_delete: { check: admin, description: 'Remove images from the hosts' },
  copy_image: { check: admin, description: 'Copy an image to other stores' },
  tasks_api_access: { check: admin, description: 'Use the older tasks API' },
  ...metadefPolicy,
};
