import type { Attributes } from './mapping-rules.ts';

const claimLimit = 200;
const valueLimit = 1_000;

/**
 * Claims by the names that mappings know them by: those of mod_auth_openidc, with the prefix that Keystone's guide sets
 * and with its own, and as a web server passes them on in headers.
 */
export function attributesOf(
  claims: Readonly<Record<string, unknown>>,
  remoteUserClaim: string,
): Attributes {
  const attributes = new Map<string, readonly string[]>();
  const add = (name: string, values: readonly string[]): void => {
    if (!attributes.has(name)) attributes.set(name, values);
  };
  // First, so that no other claim that is written alike stands for them.
  const { iss, sub, ...others } = claims;
  for (const [claim, value] of Object.entries({ iss, sub, ...others }).slice(0, claimLimit)) {
    const values = valuesOf(value);
    if (values.length === 0) continue;
    const header = claim.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
    add(`OIDC-${claim}`, values);
    add(`OIDC_CLAIM_${claim}`, values);
    add(`HTTP_OIDC_${header}`, values);
    add(`HTTP_OIDC_CLAIM_${header}`, values);
  }
  const [user] = valuesOf(claims[remoteUserClaim]);
  if (user !== undefined) add('REMOTE_USER', [user]);
  return attributes;
}

/** Lists have several values; what is no text is written as the module writes it. */
function valuesOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.slice(0, valueLimit).flatMap(textOf);
  return textOf(value);
}

function textOf(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [value];
  if (typeof value === 'boolean') return [value ? '1' : '0'];
  return [JSON.stringify(value)];
}
