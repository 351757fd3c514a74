/**
 * kill -9 of control and agent in the middle of createImage: the server stays as it is, and the image becomes what the
 * disk was, or is killed and its bytes are gone.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { guestPids } from '../../src/boot/proc.ts';
import { apiClient, type ApiClient } from '../support/client.ts';
import { cloudUse, until, type Cloud } from '../support/cloud.ts';
import { tinyUpload } from '../support/tiny-image.ts';

const rounds = process.env['WELKIN_TEST_ALL'] === undefined ? 3 : 30;
const programs = ['control', 'agent'] as const;
const servers = '/compute/v2.1/servers';
const images = '/image/v2/images';
const directory = mkdtempSync(join(tmpdir(), 'welkin-snapshot-kill-'));
let cloud: Cloud;
let api: ApiClient;

before(async () => {
  cloud = await cloudUse();
  api = await apiClient(cloud);
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const serverGet = async (id: string) => (await api.insist('GET', `${servers}/${id}`)).json.server;

const serverIs = (id: string, status: string) =>
  until(`server ${id} to be ${status}`, async () => {
    const server = await serverGet(id);
    assert.notEqual(server.status, 'ERROR', JSON.stringify(server.fault));
    return server.status === status && server['OS-EXT-STS:task_state'] === null;
  });

const serverAct = (id: string, body: object) => api.insist('POST', `${servers}/${id}/action`, body);

async function serverCreate(imageId: string): Promise<string> {
  const server = { name: 'still', imageRef: imageId, flavorRef: '42', networks: 'none' };
  const { json } = await api.insist('POST', servers, { server });
  await serverIs(json.server.id, 'ACTIVE');
  return json.server.id;
}

function programKill(name: (typeof programs)[number]): void {
  try {
    const { pid } = JSON.parse(
      readFileSync(join(cloud.stateDir, 'run', `${name}.json`), 'utf8'),
    ) as { pid: number };
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is not back yet from its last death.
  }
}

/** SHA-256 of what a guest sees of a disk. */
function rawHash(path: string): string {
  const raw = join(directory, 'raw');
  execFileSync('qemu-img', ['convert', '-U', '-O', 'raw', path, raw]);
  return createHash('sha256').update(readFileSync(raw)).digest('hex');
}

async function imageBytes(id: string): Promise<Buffer> {
  const { status, body } = await until('the bytes of the image', async () => {
    const answer = await fetch(`${cloud.apiUrl}${images}/${id}/file`, {
      headers: { 'X-Auth-Token': api.token },
    }).catch(() => null);
    if (answer === null || answer.status === 503) return null;
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  });
  assert.equal(status, 200);
  return body;
}

/** Each copy in the store is an image's that is active; the sweep may still be on its way. */
const bytesAre = (known: readonly string[]) =>
  until('the store to have the bytes of active images only', async () => {
    const files = readdirSync(join(cloud.stateDir, 'control', 'images'));
    return files.every((name) =>
      known.some((id) => name.startsWith(`${id}.`) && !name.endsWith('.part')),
    );
  });

for (const [state, action] of [
  ['PAUSED', { pause: null }],
  ['SHUTOFF', { 'os-stop': null }],
] as const) {
  test(`a snapshot of a server that is ${state}, cut off ${rounds} times`, async (t) => {
    const base = await tinyUpload(api);
    const server = await serverCreate(base);
    await serverAct(server, action);
    await serverIs(server, state);
    const folder = join(cloud.stateDir, 'agent', 'servers', server);
    const name = readdirSync(folder).find((one) => one.startsWith('disk-root')) ?? '';
    const frozen = rawHash(join(folder, name));
    const guests = guestPids(cloud.stateDir);
    const ends: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const made = await serverAct(server, { createImage: { name: `cut-${round}` } });
      assert.equal(made.status, 202, JSON.stringify(made.json));
      const { image_id: id } = made.json;
      await sleep((round * 397) % 2_500);
      for (const program of programs)
        if (round % 3 !== programs.indexOf(program)) programKill(program);
      await serverIs(server, state);
      assert.deepEqual(guestPids(cloud.stateDir), guests);
      const { json: image } = await api.insist('GET', `${images}/${id}`);
      ends.push(image.status);
      if (image.status === 'active') {
        const path = join(directory, 'snapshot');
        writeFileSync(path, await imageBytes(id));
        assert.equal(rawHash(path), frozen);
        await bytesAre([base, id]);
      } else {
        // A process whose copy had not begun when the agent was killed copies nothing; a disk at rest is copied anew.
        assert.deepEqual([state, image.status], ['PAUSED', 'killed']);
        await bytesAre([base]);
      }
      await api.insist('DELETE', `${images}/${id}`);
    }
    t.diagnostic(`ended ${ends.join(', ')}`);
    assert.equal(rawHash(join(folder, name)), frozen);
    assert.deepEqual(readdirSync(join(cloud.stateDir, 'agent', 'snapshots')), []);
    await api.insist('DELETE', `${servers}/${server}`);
    await until('the guest to be gone', async () => guestPids(cloud.stateDir).length === 0);
    await api.insist('DELETE', `${images}/${base}`);
  });
}
