/** The agent as a program of its own, to be killed: node agent-process.ts STATE_DIR SOCKET empty|linux */
import { hostAgentOpen } from '../../../src/agent/host-agent.ts';
import { agentHttpServe } from '../../../src/agent/http/server.ts';
import { hostNetworkOpen } from '../../../src/agent/network/linux.ts';
import { systemClock as clock } from '../../../src/kernel/clock.ts';
import { logOpen } from '../../../src/kernel/log.ts';
import { emptyNetwork } from './empty-network.ts';

const [stateDir = '', socketPath = '', kind = 'empty'] = process.argv.slice(2);
const log = logOpen({ level: 'info', write: (line) => process.stderr.write(line), now: Date.now });
const guestUid = 64_055;
const agent = await hostAgentOpen({
  stateDir,
  guestUid,
  guestGid: guestUid,
  accel: 'tcg',
  tbSizeMib: 64,
  clock,
  log,
  networkOpen: async (lookup) =>
    kind === 'empty'
      ? emptyNetwork()
      : hostNetworkOpen({
          cloud: 'ysrv',
          stateDir,
          guestUid,
          resolvers: [],
          clock,
          log,
          ...lookup,
        }),
});
const http = await agentHttpServe(agent, { socketPath, gid: 0 }, log);
process.send?.('ready');
process.once('SIGTERM', () => {
  void http
    .close()
    .then(() => agent.stop())
    .then(() => process.exit(0));
});
