import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingsParse } from '../../src/engines/ldap/options.ts';
import { serversFind } from '../../src/engines/ldap/servers.ts';
import { DirectoryUnavailable } from '../../src/identity/directory.model.ts';

const noDns = () => Promise.reject(new Error('no such name'));

test('the base names the domain in which servers are looked for', async () => {
  const settings = settingsParse({ ou: 'OU=Cloud, DC=Corp,DC=example' });
  const asked: string[] = [];
  const servers = await serversFind(settings, async (name) => {
    asked.push(name);
    if (name.includes('_msdcs')) return [];
    return [
      { name: 'far.corp.example', port: 3890, priority: 20, weight: 0 },
      { name: 'small.corp.example', port: 389, priority: 10, weight: 10 },
      { name: 'big.corp.example', port: 389, priority: 10, weight: 90 },
    ];
  });
  assert.deepEqual(asked, ['_ldap._tcp.dc._msdcs.corp.example', '_ldap._tcp.corp.example']);
  assert.deepEqual(
    servers.map(({ url }) => url),
    [
      'ldap://big.corp.example:389',
      'ldap://small.corp.example:389',
      'ldap://far.corp.example:3890',
    ],
  );
  assert.ok(servers.every(({ startTls }) => startTls));
  await assert.rejects(serversFind(settings, noDns), DirectoryUnavailable);
});

test('a password goes bare to this machine only, unless that is asked for', async () => {
  const of = async (url: string, more = {}) =>
    (await serversFind(settingsParse({ ou: 'dc=x', url, ...more }), noDns))[0]?.startTls;
  assert.equal(await of('ldap://127.0.0.1'), false);
  assert.equal(await of('ldap://ldap.corp.example'), true);
  assert.equal(await of('ldap://ldap.corp.example', { use_tls: false }), false);
  assert.equal(await of('ldap://ldap.corp.example', { use_tls: 'True' }), true);
});

test('options that cannot be used are refused in words', () => {
  for (const [options, text] of [
    [{}, /neither ou nor suffix/],
    [{ ou: 'dc=x', url: 'http://x' }, /is not ldap:/],
    [{ ou: 'dc=x', query_scope: 'two' }, /sub or one/],
    [{ ou: 'dc=x', page_size: 'many' }, /page_size is a number/],
    [{ ou: 'dc=x', chase_referrals: true }, /referrals are not followed/],
  ] as const) {
    assert.throws(() => settingsParse(options), text);
  }
});
