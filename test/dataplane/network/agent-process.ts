/** An agent's network half in a process that can be killed: `CLOUD STATE_DIR DOCUMENTS`. */
import type { ExternalWanted, NetworkWanted, RouterWanted } from '../../../src/agent/api.ts';
import { hostNetworkOpen } from '../../../src/agent/network/linux.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { silentLog } from '../../../src/kernel/log.ts';

const [, , cloud = '', stateDir = '', text = ''] = process.argv;
const documents: { external: ExternalWanted; network: NetworkWanted; router: RouterWanted } =
  JSON.parse(text);
const host = await hostNetworkOpen({
  cloud,
  stateDir,
  guestUid: 65_534,
  resolvers: [],
  metadata: () => null,
  server: () => null,
  clock: systemClock,
  log: silentLog,
});
process.stdout.write('begins\n');
await host.start();
await host.externalPut(documents.external, JSON.stringify(documents.external));
await host.networkPut(documents.network, JSON.stringify(documents.network));
await host.routerPut(documents.router, JSON.stringify(documents.router));
await host.stop();
