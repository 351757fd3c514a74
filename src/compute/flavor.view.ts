import type { Static } from 'typebox';
import type { Context } from '../kernel/context.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { Flavor } from './flavor.model.ts';
import type { FlavorReply } from './flavor.schema.ts';

type FlavorContext = Context<ComputeWorld>;

const linksOf = ({ baseUrl }: FlavorContext, id: string) => [
  { rel: 'self', href: `${baseUrl}/v2.1/flavors/${encodeURIComponent(id)}` },
  { rel: 'bookmark', href: `${baseUrl}/flavors/${encodeURIComponent(id)}` },
];

export function flavorBriefView(context: FlavorContext, { id, name, description }: Flavor) {
  return {
    id,
    name,
    ...(context.since('2.55') && { description }),
    links: linksOf(context, id),
  };
}

export function flavorView(context: FlavorContext, flavor: Flavor): Static<typeof FlavorReply> {
  const noSwap = context.since('2.75') ? 0 : '';
  const showsSpecs =
    context.since('2.61') && context.allows('os_compute_api:os-flavor-extra-specs:index');
  return {
    ...flavorBriefView(context, flavor),
    ram: flavor.ramMib,
    vcpus: flavor.vcpus,
    disk: flavor.diskGib,
    swap: flavor.swapMib === 0 ? noSwap : flavor.swapMib,
    'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeralGib,
    'OS-FLV-DISABLED:disabled': flavor.isDisabled,
    'os-flavor-access:is_public': flavor.isPublic,
    rxtx_factor: flavor.rxtxFactor,
    ...(showsSpecs && { extra_specs: flavor.extraSpecs }),
  };
}
