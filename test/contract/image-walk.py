"""The life of an image with openstacksdk; prints OK when all of it went as it should."""
import hashlib
import os
import sys
import tempfile

import openstack

conn = openstack.connect(cloud='welkin')
image = conn.image
assert {'glance-direct', 'copy-image'} <= set(image.get_import_info().import_methods['value'])

data = os.urandom(3_000_000)
with tempfile.NamedTemporaryFile() as file:
    file.write(data)
    file.flush()
    made = image.create_image(
        'sdk-import', filename=file.name, disk_format='raw', container_format='bare',
        use_import=True, wait=True, timeout=300, hw_disk_bus='virtio')
made = image.wait_for_status(image.get_image(made.id), 'active', wait=300)
assert made.hash_value == hashlib.sha512(data).hexdigest(), made.hash_value
assert made.hw_disk_bus == 'virtio'
assert image.download_image(made.id).content == data

staged = image.create_image('sdk-staged', disk_format='raw', container_format='bare',
                            allow_duplicates=True)
image.stage_image(staged, data=data)
image.import_image(staged, method='glance-direct')
image.wait_for_status(image.get_image(staged.id), 'active', wait=300)

image.update_image(made, name='sdk-renamed', min_disk=2)
image.add_tag(made.id, 'blue')
assert [one.id for one in image.images(tag='blue')] == [made.id]
image.deactivate_image(made)
image.reactivate_image(made)
member = image.add_member(made, member_id='0' * 32)
assert member.status == 'pending'
image.remove_member(member, made)

names = [one.namespace for one in image.metadef_namespaces(limit=100)]
assert 'OS::Compute::LibvirtImage' in names, names
space = image.create_metadef_namespace(namespace='Sdk::Test', visibility='public')
assert image.get_metadef_namespace('Sdk::Test').visibility == 'public'
image.delete_metadef_namespace(space)

for one in (made, staged):
    image.delete_image(one)
    image.wait_for_delete(one, wait=60)
print('OK')
sys.exit(0)
