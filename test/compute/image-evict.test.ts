import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageEvict } from '../../src/compute/image-evict.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { computeHouse, houseActors } from '../support/compute.ts';
import { imageId } from '../support/image-port.ts';

test('the copies of a deleted image leave the hosts that need them no more', async () => {
  await using house = await computeHouse({ hosts: 2 });
  const cached = async (): Promise<number> => {
    const lists = [...house.agents.values()].map((agent) => agent.imageList());
    return (await Promise.all(lists)).flat().length;
  };
  const evict = () => imageEvict(house.world, { log: silentLog }).run(new AbortController().signal);
  const id = await house.create();
  await house.until(id, ({ status }) => status === 'ACTIVE');
  await evict();
  assert.equal(await cached(), 1, 'the image is there');
  await house.images.imageDelete(houseActors.admin, imageId);
  await evict();
  assert.equal(await cached(), 1, 'a server is built on it');
  await house.call('DELETE', `/servers/${id}`);
  await house.untilGone(id);
  await evict();
  assert.equal(await cached(), 0);
});
