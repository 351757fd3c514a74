import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { auditSyslogOpen, type SyslogAddress } from '../../src/boot/audit-syslog.ts';
import { auditEvent } from '../../src/kernel/audit.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { logOpen } from '../../src/kernel/log.ts';
import { certificatesMake } from '../support/certificates.ts';

interface Rsyslog extends AsyncDisposable {
  readonly address: SyslogAddress;
  readonly ca: string;
  /** What it wrote: one line for each message. */
  lines(): string[];
  until(count: number): Promise<string[]>;
  stop(): Promise<void>;
  start(): void;
}

const inputs = {
  udp: (port: number) =>
    `module(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="${port}")`,
  tcp: (port: number) =>
    `module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="${port}")`,
  tls: (port: number) =>
    `module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")\ninput(type="imtcp" address="127.0.0.1" port="${port}")`,
};

/** A real rsyslogd that writes application, kind and text of what it gets into a file. */
async function rsyslogStart(transport: SyslogAddress['transport']): Promise<Rsyslog> {
  const dir = mkdtempSync(join(tmpdir(), 'syslog-'));
  const { ca, certificate, key } = certificatesMake(dir, ['127.0.0.1']);
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const [config, output] = [join(dir, 'conf'), join(dir, 'out')];
  writeFileSync(
    config,
    `global(workDirectory="${dir}" maxMessageSize="64k"
DefaultNetstreamDriverCAFile="${ca}" DefaultNetstreamDriverCertFile="${certificate}" DefaultNetstreamDriverKeyFile="${key}")
${inputs[transport](port)}
template(name="seen" type="string" string="%syslogfacility% %syslogseverity% %hostname% %app-name% %msgid% %msg%\\n")
action(type="omfile" file="${output}" template="seen")
`,
  );
  let server: ChildProcess;
  const start = (): void => {
    const words = ['-n', '-f', config, '-i', join(dir, 'pid')];
    server = spawn('/usr/sbin/rsyslogd', words, { stdio: 'ignore' });
  };
  const stop = async (): Promise<void> => {
    server.kill('SIGTERM');
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  };
  const lines = (): string[] =>
    existsSync(output) ? readFileSync(output, 'utf8').split('\n').slice(0, -1) : [];
  start();
  for (let tries = 0; transport !== 'udp' && !(await answers(port)); tries++) {
    if (tries === 600) throw new Error('rsyslogd does not answer');
    await clock.sleep(50);
  }
  return {
    address: { transport, host: '127.0.0.1', port },
    ca,
    lines,
    async until(count) {
      for (let tries = 0; lines().length < count; tries++) {
        if (tries === 600) throw new Error(`${lines().length} of ${count} messages came`);
        await clock.sleep(50);
      }
      return lines();
    },
    stop,
    start,
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(dir, { recursive: true });
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const event = (id: string, outcome: 'success' | 'failure' = 'success') =>
  auditEvent(
    {
      service: 'identity',
      action: 'authenticate',
      outcome,
      target: { id: 'u', typeURI: 'service/security/account/user' },
      actor: null,
      requestId: 'req-1',
    },
    id,
    new Date().toISOString(),
  );

function logMake() {
  const lines: string[] = [];
  return {
    lines,
    log: logOpen({ level: 'debug', write: (line) => void lines.push(line), now: Date.now }),
  };
}

for (const transport of ['udp', 'tcp', 'tls'] as const) {
  test(`audit events reach a syslog server by ${transport}, whole and in order`, async () => {
    await using server = await rsyslogStart(transport);
    const { log } = logMake();
    const options = {
      address: server.address,
      caFile: server.ca,
      hostName: hostname(),
      clock,
      log,
    };
    const sink = auditSyslogOpen(options);
    // A datagram to a server that is not up yet is lost, as datagrams are.
    if (transport === 'udp') {
      for (let tries = 0; server.lines().length === 0 && tries < 600; tries++) {
        sink.write(event('first'));
        await clock.sleep(50);
      }
    }
    const before = server.lines().length;
    for (let n = 0; n < 300; n++) sink.write(event(`e${n}`, n === 7 ? 'failure' : 'success'));
    const all = await server.until(before + 300);
    const lines = all.filter((line) => !line.includes('"first"'));
    const events = lines.map((line) => JSON.parse(line.slice(line.indexOf('{'))) as { id: string });
    assert.deepEqual(
      events.map(({ id }) => id),
      Array.from({ length: 300 }, (_, n) => `e${n}`),
    );
    assert.match(lines[7] ?? '', new RegExp(`^13 4 ${hostname()} welkin authenticate +\\{`));
    assert.match(lines[8] ?? '', /^13 6 /);
    await sink.close();
  });
}

test('a server whose certificate another CA signed gets nothing, and nobody waits for it', async () => {
  await using server = await rsyslogStart('tls');
  const { lines, log } = logMake();
  const sink = auditSyslogOpen({
    address: server.address,
    caFile: null,
    hostName: 'h',
    clock,
    log,
  });
  sink.write(event('e'));
  while (lines.length === 0) await clock.sleep(20);
  assert.match(lines.join(''), /do not reach syslog/);
  await sink.close();
  assert.deepEqual(server.lines(), []);
  assert.match(lines.join(''), /"lost":1/);
});

test('what happens while the server is away comes when it is back, up to a bound that is counted', async () => {
  await using server = await rsyslogStart('tcp');
  const { lines, log } = logMake();
  const sink = auditSyslogOpen({
    address: server.address,
    caFile: null,
    hostName: 'h',
    clock,
    log,
  });
  sink.write(event('before'));
  await server.until(1);
  await server.stop();
  // Found out by the first event that cannot be sent.
  for (let tries = 0; lines.length === 0 && tries < 600; tries++) {
    sink.write(event('lost'));
    await clock.sleep(20);
  }
  for (let n = 0; n < 10_500; n++) sink.write(event(`late${n}`));
  server.start();
  const seen = await server.until(10_000);
  assert.ok(seen.some((line) => line.includes('"late0"')));
  while (!lines.some((line) => line.includes('reach syslog again'))) await clock.sleep(20);
  const { dropped } = JSON.parse(lines.find((line) => line.includes('again')) ?? '{}') as {
    dropped: number;
  };
  assert.ok(dropped >= 500, String(dropped));
  await sink.close();
});
