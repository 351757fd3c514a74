import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { qmpConnect, QmpClosed, QmpError } from '../../src/agent/qemu/qmp.ts';

/** A monitor that answers each line as `answer` says; `socket` is the client's end. */
async function monitor(
  t: TestContext,
  answer: (command: { execute: string; id: number }, socket: Socket) => void,
  greeting = '{"QMP": {"version": {}, "capabilities": []}}\r\n',
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'qmp-'));
  const path = join(directory, 'qmp.sock');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.write(greeting);
    socket.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').filter(Boolean)) {
        const command = JSON.parse(line) as { execute: string; id: number };
        if (command.execute === 'qmp_capabilities') reply(socket, command.id, {});
        else answer(command, socket);
      }
    });
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(directory, { recursive: true });
  });
  return path;
}

const reply = (socket: Socket, id: number, value: unknown): void =>
  void socket.write(`${JSON.stringify({ return: value, id })}\r\n`);

test('answers find their commands whatever their order and however the bytes are cut', async (t) => {
  const ids: number[] = [];
  const path = await monitor(t, ({ id }, socket) => {
    ids.push(id);
    if (ids.length < 2) return;
    const text = ids
      .toReversed()
      .map((one) => JSON.stringify({ return: { one }, id: one }))
      .join('\r\n');
    for (const letter of `${text}\r\n`) socket.write(letter);
  });
  const qmp = await qmpConnect(path);
  const [first, second] = await Promise.all([
    qmp.execute<{ one: number }>('query-a'),
    qmp.execute<{ one: number }>('query-b'),
  ]);
  assert.deepEqual([first.one, second.one], ids);
  qmp.close();
});

test('a refusal carries the class and the words of the monitor', async (t) => {
  const path = await monitor(t, ({ id }, socket) =>
    socket.write(`{"error": {"class": "DeviceNotFound", "desc": "no nic-7"}, "id": ${id}}\n`),
  );
  const qmp = await qmpConnect(path);
  await assert.rejects(
    qmp.execute('device_del', { id: 'nic-7' }),
    (error) =>
      error instanceof QmpError &&
      error.kind === 'DeviceNotFound' &&
      /no nic-7/.test(error.message),
  );
  qmp.close();
});

test('an event between command and answer reaches who waits for it', async (t) => {
  const path = await monitor(t, ({ id }, socket) => {
    socket.write('{"event": "DEVICE_DELETED", "data": {"path": "/machine/x"}}\n');
    socket.write('{"event": "DEVICE_DELETED", "data": {"device": "nic-7"}}\n');
    reply(socket, id, {});
  });
  const qmp = await qmpConnect(path);
  const deleted = qmp.eventWait(({ data }) => data['device'] === 'nic-7', { timeoutMs: 60_000 });
  await qmp.execute('device_del');
  assert.equal((await deleted)?.event, 'DEVICE_DELETED');
  assert.equal(await qmp.eventWait(() => true, { timeoutMs: 1 }), null);
  qmp.close();
});

test('whatever waits when the monitor closes is told so', async (t) => {
  const path = await monitor(t, (_, socket) => socket.destroy());
  const qmp = await qmpConnect(path);
  const event = qmp.eventWait(() => true, { timeoutMs: 60_000 });
  await Promise.all([
    assert.rejects(qmp.execute('cont'), QmpClosed),
    assert.rejects(event, QmpClosed),
    qmp.closed,
  ]);
  await assert.rejects(qmp.execute('cont'), QmpClosed);
});

test('a command without answer fails after its limit and later answers are ignored', async (t) => {
  const asked = Promise.withResolvers<() => void>();
  const path = await monitor(t, ({ execute, id }, socket) => {
    if (execute === 'slow') asked.resolve(() => reply(socket, id, 'late'));
    else reply(socket, id, execute);
  });
  const qmp = await qmpConnect(path);
  await assert.rejects(qmp.execute('slow', {}, { timeoutMs: 5 }), /no answer/);
  // The command may reach the monitor after its limit.
  (await asked.promise)();
  assert.equal(await qmp.execute('query-status'), 'query-status');
  qmp.close();
});

test('what does not speak the protocol is left', async (t) => {
  const path = await monitor(t, () => {}, 'SSH-2.0-OpenSSH_9.2\r\n');
  await assert.rejects(qmpConnect(path), QmpClosed);
});

test('nobody listening is an error at once', async () => {
  await assert.rejects(qmpConnect('/nonexistent/qmp.sock'), /ENOENT/);
});
