import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cidrParse, isLoopback, listenParse, rangesMeet } from '../../src/boot/addresses.ts';

test('a place to listen is HOST:PORT, with IPv6 in brackets', () => {
  assert.deepEqual(listenParse('0.0.0.0:5000'), { host: '0.0.0.0', port: 5000 });
  assert.deepEqual(listenParse('[fd00::1]:80'), { host: 'fd00::1', port: 80 });
  assert.deepEqual(listenParse('cloud.example:443'), { host: 'cloud.example', port: 443 });
  for (const wrong of ['', '5000', ':5000', 'a:b', 'fd00::1:80', '[x]:1', '1.2.3:5', '300.1.1.1:5'])
    assert.equal(listenParse(wrong), null, wrong);
  for (const port of ['0', '65536', '-1', '1e3']) assert.equal(listenParse(`h:${port}`), null);
});

test('only this machine can reach a loopback address', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost'])
    assert.equal(isLoopback(host), true, host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.example'])
    assert.equal(isLoopback(host), false, host);
});

test('a range begins at its own network address and has room for a router', () => {
  const range = cidrParse('172.24.4.0/24');
  assert.equal(range?.address(range.first + 1), '172.24.4.1');
  assert.equal(range?.address(range.last), '172.24.4.255');
  for (const wrong of ['172.24.4.1/24', '172.24.4.0', '172.24.4.0/30', '172.24.4.0/7', 'x/24'])
    assert.equal(cidrParse(wrong), null, wrong);
});

test('two ranges meet when they share an address', () => {
  const [a, b, c] = ['10.0.0.0/16', '10.0.9.0/24', '10.1.0.0/16'].map((cidr) => cidrParse(cidr));
  assert.ok(a && b && c);
  assert.equal(rangesMeet(a, b), true);
  assert.equal(rangesMeet(a, c), false);
});
