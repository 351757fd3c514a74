import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { lifecycleReconciler } from '../../../src/fronts/s3/lifecycle.reconciler.ts';
import { notifyReconciler } from '../../../src/fronts/s3/notify.reconciler.ts';
import { objectSettingsDefault } from '../../../src/object/object.world.ts';
import { send, type Sent } from './client.ts';
import { s3Serve, type S3Server } from './harness.ts';

const dayMs = 86_400_000;

async function ok(server: S3Server, line: string, sent: Sent = {}): Promise<void> {
  const answer = await send(server, 'owner', line, sent);
  assert.ok(answer.status < 300, `${line}: ${answer.status} ${answer.text}`);
}

test('a webhook that does not answer is asked once a run, and keeps no other waiting', async () => {
  const asked: string[] = [];
  const hook = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/dead') request.destroy();
    else response.end();
  });
  hook.listen(0, '127.0.0.1');
  await once(hook, 'listening');
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}`;
  try {
    await using server = await s3Serve({
      s3: { ...objectSettingsDefault.s3, webhookPrefixes: [url] },
    });
    const tell = () => notifyReconciler(server.store.world).run(new AbortController().signal);
    for (const name of ['dead', 'alive']) {
      await ok(server, `PUT /${name}`);
      await ok(server, `PUT /${name}?notification`, {
        body: `<NotificationConfiguration><TopicConfiguration><Id>n</Id><Topic>arn:aws:sns:r:p:webhook/${url}/${name}</Topic><Event>s3:ObjectCreated:*</Event></TopicConfiguration></NotificationConfiguration>`,
      });
    }
    for (const key of ['a', 'b', 'c']) await ok(server, `PUT /dead/${key}`, { body: 'x' });
    await ok(server, 'PUT /alive/a', { body: 'x' });
    await tell();
    assert.deepEqual(asked.toSorted(), ['/alive', '/dead']);
    server.store.pass(60_000);
    await tell();
    assert.deepEqual(asked.toSorted(), ['/alive', '/dead', '/dead']);
  } finally {
    hook.closeAllConnections();
    await new Promise((resolve) => hook.close(resolve));
  }
});

test('a bucket whose rules cannot be carried out does not stop those behind it', async () => {
  await using server = await s3Serve();
  const { store } = server;
  for (const name of ['first', 'second']) {
    await ok(server, `PUT /${name}`);
    await ok(server, `PUT /${name}?lifecycle`, {
      body: '<LifecycleConfiguration><Rule><ID>a</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>',
    });
    await ok(server, `PUT /${name}/k`, { body: 'x' });
  }
  for (const shard of store.world.shards) {
    await shard.write((tx) =>
      tx
        .updateTable('object')
        .set({ facts: 'spoilt' })
        .where('container_id', 'in', (e) =>
          e.selectFrom('container').select('id').where('name', '=', 'first'),
        )
        .execute(),
    );
  }
  store.pass(3 * dayMs);
  await lifecycleReconciler(store.world).run(new AbortController().signal);
  const { status } = await send(server, 'owner', 'GET /second/k', {});
  assert.equal(status, 404);
});
