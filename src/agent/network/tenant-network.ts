/** Tenant networks in the kernel: a namespace each, with the bridge, the taps of guests and the rules between them. */
import type { NetworkWanted } from '../api.ts';
import { guardRules } from './guard-rules.ts';
import { flowJudgeOf } from './flow-judge.ts';
import { flowsMark, flowsRead } from './flows.ts';
import { flowForbidden, groupRules } from './group-rules.ts';
import {
  bridgeBatch,
  ipBatch,
  kernelStateRead,
  namespaceDelete,
  namespaceEnsure,
  nftLoad,
  sysctlSet,
} from './kernel-state.ts';
import { networkBridge, type Names } from './names.ts';
import { bridgeMacOf, networkPlan } from './network-plan.ts';

export interface TenantNetworks {
  /** Answers whether the namespace had to be made. */
  apply(network: NetworkWanted): Promise<boolean>;
  remove(id: string): Promise<void>;
}

export function tenantNetworksOpen(names: Names): TenantNetworks {
  /** Rules that this process has loaded: what is older is replaced once, which costs no packet. */
  const loaded = new Map<string, string>();
  return {
    async apply(network) {
      const namespace = names.networkNamespace(network.id);
      const isNew = await namespaceEnsure(namespace);
      if (isNew) loaded.delete(network.id);
      const isFirst = !loaded.has(network.id);
      // Rules come first: nothing is connected before it is guarded, nothing goes on that is forbidden now.
      const rules = guardRules(network, names, bridgeMacOf(network)) + groupRules(network);
      const isChanged = loaded.get(network.id) !== rules;
      const guard = async (): Promise<void> => {
        if (isChanged) await nftLoad(namespace, rules);
        if (isChanged && !isNew) await flowsJudge(namespace, network);
      };
      const [state] = await Promise.all([kernelStateRead(namespace), guard()]);
      const { ip, bridge } = networkPlan(network, state, names);
      await ipBatch(namespace, ip);
      await bridgeBatch(namespace, bridge);
      if (isFirst) await sysctlSet(namespace, settings);
      loaded.set(network.id, rules);
      return isNew;
    },
    async remove(id) {
      loaded.delete(id);
      await namespaceDelete(names.networkNamespace(id));
    },
  };
}

/** Connections that the rules do not allow any more are stopped, those that are allowed again go on. */
async function flowsJudge(namespace: string, network: NetworkWanted): Promise<void> {
  const isAllowed = flowJudgeOf(network);
  const flows = await flowsRead(namespace);
  const wrong = flows.filter((flow) => isAllowed(flow) === (flow.mark === flowForbidden));
  await flowsMark(
    namespace,
    wrong.filter((flow) => flow.mark !== flowForbidden),
    flowForbidden,
  );
  await flowsMark(
    namespace,
    wrong.filter((flow) => flow.mark === flowForbidden),
    0,
  );
}

const settings = {
  'net.ipv4.ip_forward': 0,
  'net.ipv6.conf.all.forwarding': 0,
  // A tap is a plug, no interface of ours: it has no address and says nothing.
  'net.ipv6.conf.default.disable_ipv6': 1,
  [`net.ipv6.conf.${networkBridge}.disable_ipv6`]: 0,
  [`net.ipv6.conf.${networkBridge}.accept_ra`]: 0,
  'net.ipv4.conf.all.rp_filter': 0,
  [`net.ipv4.conf.${networkBridge}.rp_filter`]: 0,
};
