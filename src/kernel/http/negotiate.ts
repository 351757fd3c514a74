import type { IncomingHttpHeaders } from 'node:http';
import { Failure, invalid } from '../errors.ts';
import { versionCompare, versionParse, versionText, type Version } from '../version.ts';
import type { Microversions } from './api.ts';

/** The microversion a request asks for; without a header the lowest. */
export function versionNegotiate(headers: IncomingHttpHeaders, offered: Microversions): Version {
  const wanted = wantedText(headers, offered);
  if (wanted === null) return offered.min;
  if (wanted === 'latest') return offered.max;
  const asked = versionParse(wanted);
  if (asked === null) {
    throw invalid(
      `API Version String ${wanted} is of invalid format. Must be of format MajorNum.MinorNum.`,
    );
  }
  const { min, max } = offered;
  if (versionCompare(asked, min) >= 0 && versionCompare(asked, max) <= 0) return asked;
  throw new Failure(
    'not_acceptable',
    `Version ${wanted} is not supported by the API. Minimum is ${versionText(min)} and maximum is ${versionText(max)}.`,
    { detail: { min: versionText(min), max: versionText(max) } },
  );
}

function wantedText(headers: IncomingHttpHeaders, offered: Microversions): string | null {
  const modern = headers['openstack-api-version'];
  for (const part of (Array.isArray(modern) ? modern.join(',') : (modern ?? '')).split(',')) {
    const [service, text] = part.trim().split(/\s+/);
    if (service === offered.serviceType && text !== undefined) return text;
  }
  const legacy = offered.legacyHeader === undefined ? undefined : headers[offered.legacyHeader];
  return legacy === undefined ? null : String(legacy).trim();
}

/** Both headers, on errors too: clients read them to learn what they were answered in. */
export function versionHeaders(offered: Microversions, spoken: Version): Record<string, string> {
  const { serviceType, legacyHeader } = offered;
  const text = versionText(spoken);
  const names = ['OpenStack-API-Version', ...(legacyHeader === undefined ? [] : [legacyHeader])];
  return {
    'OpenStack-API-Version': `${serviceType} ${text}`,
    ...(legacyHeader !== undefined && { [legacyHeader]: text }),
    Vary: names.join(', '),
  };
}
