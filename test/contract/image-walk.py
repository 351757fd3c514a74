"""The life of an image with openstacksdk; prints OK when all of it went as it should."""
import hashlib
import os
import sys
import tempfile

import openstack
from openstack import resource

conn = openstack.connect(cloud='welkin')
image = conn.image


def active(image_id):
    return resource.wait_for_status(image, image.get_image(image_id), 'active', ['killed'], 1, 300)


methods = image.get('/info/import').json()['import-methods']['value']
assert {'glance-direct', 'copy-image'} <= set(methods), methods

data = os.urandom(3_000_000)
with tempfile.NamedTemporaryFile() as file:
    file.write(data)
    file.flush()
    made = image.create_image(
        'sdk-import', filename=file.name, disk_format='raw', container_format='bare',
        use_import=True, wait=True, timeout=300, hw_disk_bus='virtio')
made = active(made.id)
assert made.hash_value == hashlib.sha512(data).hexdigest(), made.hash_value
assert made.hw_disk_bus == 'virtio'
assert image.download_image(made.id).content == data

staged = image.create_image('sdk-staged', disk_format='raw', container_format='bare',
                            allow_duplicates=True)
image.stage_image(staged, data=data)
image.import_image(staged, method='glance-direct')
active(staged.id)

image.update_image(made, name='sdk-renamed', min_disk=2)
image.add_tag(made.id, 'blue')
assert [one.id for one in image.images(tag='blue')] == [made.id]
image.deactivate_image(made)
image.reactivate_image(made)
member = image.add_member(made, member_id='0' * 32)
assert member.status == 'pending'
image.remove_member(member, made)

spaces = image.get('/metadefs/namespaces?limit=100').json()['namespaces']
assert 'OS::Compute::LibvirtImage' in [one['namespace'] for one in spaces], spaces

for one in (made, staged):
    image.delete_image(one)
    assert image.find_image(one.id) is None
print('OK')
sys.exit(0)
