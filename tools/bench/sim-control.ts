/** Control as it runs, in front of simulated hosts: `sim-control.ts STATE_DIR PORT HOSTS`. */
import { join } from 'node:path';
import { simAgentOpen } from '../../src/agent/sim/sim-agent.ts';
import { configurationRead } from '../../src/boot/configuration.ts';
import { controlRun } from '../../src/boot/control.ts';
import { enginesLoad } from '../../src/boot/control-parts.ts';
import { folderEnsure } from '../../src/boot/files.ts';
import { layoutOf } from '../../src/boot/layout.ts';
import { secretsEnsure } from '../../src/boot/secrets.ts';
import { logOpen } from '../../src/kernel/log.ts';

const [stateDir = '', port = '', hostCount = ''] = process.argv.slice(2);
const layout = layoutOf(stateDir);
const configuration = configurationRead(null, `127.0.0.1:${port}`);
for (const folder of [
  layout.runDir,
  layout.controlDir,
  join(layout.controlDir, 'secrets'),
  join(stateDir, 'tls'),
]) {
  folderEnsure(folder, { mode: 0o700 });
}
secretsEnsure(layout, configuration);
const members = Array.from({ length: Number(hostCount) }, (_, index) => ({
  name: `host-${index + 1}`,
  agent: simAgentOpen(),
  vtep: null,
}));
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
await controlRun({
  configuration,
  layout,
  log: logOpen({
    level: 'warning',
    write: (line) => void process.stderr.write(line),
    now: Date.now,
  }),
  signal: stop.signal,
  ready: () => void process.send?.('ready'),
  enginesOpen: await enginesLoad(configuration),
  hosts: { list: () => members, get: (name) => members.find((host) => host.name === name) ?? null },
});
