import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { dnsForwardOpen } from '../../../src/agent/network/services/dns-forward.ts';
import { dnsQuestionDecode } from '../../../src/agent/network/services/dns-message.ts';
import { dnsResolve } from '../../../src/agent/network/services/dns-server.ts';
import { network, otherPort, port, subnet4, subnet6 } from './documents-of.ts';

const types = { A: 1, PTR: 12, AAAA: 28, MX: 15, ANY: 255 } as const;

function query(name: string, type: keyof typeof types, id = 0x4242): Buffer {
  const labels = name.split('.').filter(Boolean);
  return Buffer.concat([
    Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0, 0, types[type], 0, 1]),
  ]);
}

const asked = {
  ...network,
  subnets: [subnet4, subnet6],
  ports: [
    { ...port, fixedIps: [...port.fixedIps, { subnetId: subnet6.id, address: 'fd00:1::5' }] },
    otherPort,
  ],
};

interface Answer {
  readonly code: number;
  readonly data: string[];
}

/** `forwarded` when it was asked elsewhere. */
async function resolve(name: string, type: keyof typeof types): Promise<Answer | 'forwarded'> {
  const question = query(name, type);
  let isForwarded = false;
  const reply = await dnsResolve(asked, question, async () => {
    isForwarded = true;
    return null;
  });
  if (isForwarded) return 'forwarded';
  assert.ok(reply);
  const view = Buffer.from(reply);
  assert.equal(view.readUInt16BE(0), 0x4242);
  assert.deepEqual(view.subarray(12, question.length), question.subarray(12));
  const data: string[] = [];
  let at = question.length;
  for (let left = view.readUInt16BE(6); left > 0; left -= 1) {
    const length = view.readUInt16BE(at + 10);
    data.push(view.subarray(at + 12, at + 12 + length).toString('hex'));
    at += 12 + length;
  }
  assert.equal(at, view.length);
  return { code: view.readUInt16BE(2) & 15, data };
}

test('the names of a network are answered by it, in any letter case', async () => {
  const v4 = { code: 0, data: ['0a000005'] };
  assert.deepEqual(await resolve('alpha.cloud.test', 'A'), v4);
  assert.deepEqual(await resolve('ALPHA.Cloud.Test', 'A'), v4);
  assert.deepEqual(await resolve('alpha', 'A'), v4);
  assert.deepEqual(await resolve('host-10-0-0-5.cloud.test', 'A'), v4);
  const v6 = ['fd000001000000000000000000000005'];
  assert.deepEqual(await resolve('alpha.cloud.test', 'AAAA'), { code: 0, data: v6 });
  assert.deepEqual(await resolve('alpha', 'ANY'), { code: 0, data: ['0a000005', ...v6] });
});

test('a name that is there without what was asked is no error, one that is not there is', async () => {
  assert.deepEqual(await resolve('beta.cloud.test', 'AAAA'), { code: 0, data: [] });
  assert.deepEqual(await resolve('alpha.cloud.test', 'MX'), { code: 0, data: [] });
  assert.deepEqual(await resolve('gamma', 'A'), { code: 3, data: [] });
});

test('addresses of the network have names here and only here', async () => {
  const name = Buffer.from('\x05alpha\x05cloud\x04test\0').toString('hex');
  assert.deepEqual(await resolve('5.0.0.10.in-addr.arpa', 'PTR'), { code: 0, data: [name] });
  const six = `5.${'0.'.repeat(23)}1.0.0.0.0.0.d.f.ip6.arpa`;
  assert.deepEqual(await resolve(six, 'PTR'), { code: 0, data: [name] });
  assert.deepEqual(await resolve('99.0.0.10.in-addr.arpa', 'PTR'), { code: 3, data: [] });
  assert.equal(await resolve('8.8.8.8.in-addr.arpa', 'PTR'), 'forwarded');
});

test('other names are asked elsewhere', async () => {
  assert.equal(await resolve('example.org', 'A'), 'forwarded');
  assert.equal(await resolve('alpha.example.org', 'A'), 'forwarded');
});

test('when nobody elsewhere answers, the guest is told so', async () => {
  const reply = await dnsResolve(asked, query('example.org', 'A'), async () => null);
  assert.equal(Buffer.from(reply ?? []).readUInt16BE(2) & 15, 2);
});

test('hostile datagrams get silence or an answer, never an exception', async () => {
  const silent = async (): Promise<null> => null;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (noise) => {
      await dnsResolve(asked, noise, silent);
    }),
  );
  const good = query('alpha.cloud.test', 'A');
  await fc.assert(
    fc.asyncProperty(
      fc.nat(good.length - 1),
      fc.nat(255),
      fc.nat(good.length),
      async (at, value, length) => {
        const changed = Buffer.from(good.subarray(0, length));
        if (at < length) changed[at] = value;
        await dnsResolve(asked, changed, silent);
      },
    ),
  );
  const pointer = Buffer.concat([good.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
  assert.equal(dnsQuestionDecode(pointer), null);
  const answer = Buffer.from(good);
  answer[2] = 0x81;
  assert.equal(dnsQuestionDecode(answer), null);
});

async function resolverOpen(
  t: TestContext,
  reply: (socket: Socket, query: Buffer, port: number) => void,
): Promise<{ address: string; port: number }> {
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.on('message', (bytes, source) => reply(socket, bytes, source.port));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { address: '127.0.0.1', port: socket.address().port };
}

test('an answer from elsewhere comes under the id of the question, and a forged one not at all', async (t) => {
  const honest = await resolverOpen(t, (socket, bytes, port) => {
    const forged = Buffer.from(bytes);
    forged.writeUInt16BE((bytes.readUInt16BE(0) + 1) & 0xffff, 0);
    socket.send(forged, port, '127.0.0.1');
    const answer = Buffer.concat([bytes, Buffer.from('answer')]);
    socket.send(answer, port, '127.0.0.1');
  });
  const forward = dnsForwardOpen({
    resolvers: async () => [honest],
    timeoutMs: 20_000,
    asksMax: 8,
  });
  const question = query('example.org', 'A', 0x1717);
  assert.deepEqual(
    Buffer.from((await forward.ask(question, 'udp')) ?? []),
    Buffer.concat([question, Buffer.from('answer')]),
  );
});

test('a dead resolver costs its time, the next one is asked, and too many questions get none', async (t) => {
  const dead = await resolverOpen(t, () => {});
  const alive = await resolverOpen(t, (socket, bytes, port) =>
    socket.send(bytes, port, '127.0.0.1'),
  );
  const question = query('example.org', 'A');
  const both = dnsForwardOpen({ resolvers: async () => [dead, alive], timeoutMs: 20, asksMax: 8 });
  // The living one has no more time, and a machine that stands still may need more than one question.
  let answer: Uint8Array | null = null;
  for (let turns = 0; answer === null && turns < 1_000; turns++)
    answer = await both.ask(question, 'udp');
  assert.deepEqual(Buffer.from(answer ?? []), question);
  const one = dnsForwardOpen({ resolvers: async () => [dead], timeoutMs: 20, asksMax: 1 });
  const first = one.ask(question, 'udp');
  assert.equal(await one.ask(question, 'udp'), null);
  assert.equal(await first, null);
});
