import type { PolicyDefaults } from '../../kernel/policy.ts';

const admin = 'rule:metadef_admin';
const reader = 'role:admin or (role:reader and project_id:%(project_id)s)';
const readerOrPublic =
  "role:admin or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))";

export const metadefPolicy: PolicyDefaults = {
  metadef_default: {
    check: '',
    description: 'Whatever no other rule of metadata definitions says',
  },
  metadef_admin: { check: 'role:admin', description: 'Change metadata definitions' },
  get_metadef_namespace: { check: readerOrPublic, description: 'Show a namespace' },
  get_metadef_namespaces: { check: reader, description: 'List namespaces' },
  modify_metadef_namespace: { check: admin, description: 'Change a namespace' },
  add_metadef_namespace: { check: admin, description: 'Create a namespace' },
  delete_metadef_namespace: { check: admin, description: 'Delete a namespace' },
  get_metadef_object: { check: readerOrPublic, description: 'Show an object of a namespace' },
  get_metadef_objects: { check: readerOrPublic, description: 'List the objects of a namespace' },
  modify_metadef_object: { check: admin, description: 'Change an object of a namespace' },
  add_metadef_object: { check: admin, description: 'Add an object to a namespace' },
  delete_metadef_object: { check: admin, description: 'Remove an object from a namespace' },
  list_metadef_resource_types: { check: readerOrPublic, description: 'List resource types' },
  get_metadef_resource_type: {
    check: readerOrPublic,
    description: 'See how a namespace applies to a resource type',
  },
  add_metadef_resource_type_association: {
    check: admin,
    description: 'Apply a namespace to a resource type',
  },
  remove_metadef_resource_type_association: {
    check: admin,
    description: 'No longer apply a namespace to a resource type',
  },
  get_metadef_property: { check: readerOrPublic, description: 'Show a property of a namespace' },
  get_metadef_properties: {
    check: readerOrPublic,
    description: 'List the properties of a namespace',
  },
  modify_metadef_property: { check: admin, description: 'Change a property of a namespace' },
  add_metadef_property: { check: admin, description: 'Add a property to a namespace' },
  remove_metadef_property: { check: admin, description: 'Remove a property from a namespace' },
  get_metadef_tag: { check: readerOrPublic, description: 'Show a tag of a namespace' },
  get_metadef_tags: { check: readerOrPublic, description: 'List the tags of a namespace' },
  modify_metadef_tag: { check: admin, description: 'Rename a tag of a namespace' },
  add_metadef_tag: { check: admin, description: 'Add a tag to a namespace' },
  add_metadef_tags: { check: admin, description: 'Add tags to a namespace' },
  delete_metadef_tag: { check: admin, description: 'Remove a tag from a namespace' },
  delete_metadef_tags: { check: admin, description: 'Remove the tags of a namespace' },
};
