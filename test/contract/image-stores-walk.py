"""An image in all stores of the cloud with openstacksdk; prints OK when all of it went as it should."""
import hashlib
import sys
import time

import openstack

conn = openstack.connect(cloud='welkin')
image = conn.image
path = sys.argv[1]
data = open(path, 'rb').read()

names = {store.id for store in image.stores()}
assert names == {'file', 'outside', 'own-s3', 'own-swift'}, names

made = image.create_image('sdk-stores', disk_format='raw', container_format='bare',
                          allow_duplicates=True)
image.stage_image(made, data=data)
image.import_image(made, method='glance-direct', all_stores=True, all_stores_must_succeed=True)
for _ in range(300):
    made = image.get_image(made.id)
    if made.status == 'active':
        break
    time.sleep(1)
assert set(image.get(f'/images/{made.id}').json()['stores'].split(',')) == names
assert made.hash_value == hashlib.sha512(data).hexdigest()
assert image.download_image(made.id).content == data
image.delete_image(made)
assert image.find_image(made.id) is None
print('OK')
