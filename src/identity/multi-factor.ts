import { isoMicroseconds } from '../kernel/clock.ts';
import type { Identified } from './auth-method.ts';
import type { IdentityWorld } from './identity.world.ts';
import { boxOpen, boxSeal } from './secret-box.ts';
import { snapshotGet } from './snapshot.ts';
import { authMethods, type AuthMethod } from './token.model.ts';
import type { UserAccount } from './user.model.ts';

/** How long the second factor may take. */
const receiptLifeMs = 300_000;

/** What a user has proved so far, where the rules of the user ask for more. */
export interface Receipt {
  readonly userId: string;
  readonly methods: readonly AuthMethod[];
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/**
 * Keystone's option: lists of methods, one of which must be complete. Lists that name what this cloud does not know are left
 * out, and without any left the user is as one without rules: nobody is locked out by a word.
 */
function rulesOf({ options }: UserAccount, known: ReadonlySet<string>): string[][] {
  const rules = options['multi_factor_auth_rules'];
  if (options['multi_factor_auth_enabled'] === false || !Array.isArray(rules)) return [];
  return (rules as string[][]).filter((rule) => rule.every((method) => known.has(method)));
}

/** The lists of methods one of which is asked for; null when enough was proved. */
export function methodsMissing(
  { user, methods }: Identified,
  known: ReadonlySet<string>,
): string[][] | null {
  const rules = rulesOf(user, known);
  const isMet = rules.some((rule) =>
    rule.every((method) => methods.some((held) => held === method)),
  );
  return rules.length === 0 || isMet ? null : rules;
}

export function receiptSeal(world: IdentityWorld, receipt: Receipt): string {
  const [key] = world.tokenKeys;
  if (key === undefined) throw new Error('there is no key to sign receipts with');
  const sealing = { nowMs: receipt.issuedAtMs, iv: world.ids.secret(16) };
  // Begins with a brace, so that it never passes for a token, whose first byte is its layout.
  return boxSeal(key, Buffer.from(JSON.stringify(receipt)), sealing);
}

/** Null for what is none of ours, or too old. */
export function receiptOpen({ tokenKeys, clock }: IdentityWorld, text: string): Receipt | null {
  const bytes = text.length > 1_024 ? null : boxOpen(tokenKeys, text);
  if (bytes === null || bytes[0] !== 0x7b) return null;
  const receipt = JSON.parse(bytes.toString()) as Receipt;
  return receipt.expiresAtMs <= clock.now() ? null : receipt;
}

export function receiptMake(world: IdentityWorld, { user, methods }: Identified): Receipt {
  const now = world.clock.now();
  return { userId: user.id, methods, issuedAtMs: now, expiresAtMs: now + receiptLifeMs };
}

/** What was proved before counts together with what is proved now. */
export const receiptJoin = (who: Identified, receipt: Receipt | null): Identified =>
  receipt === null
    ? who
    : {
        ...who,
        methods: authMethods.filter(
          (method) => who.methods.includes(method) || receipt.methods.includes(method),
        ),
      };

export async function receiptView(
  world: IdentityWorld,
  { user }: Identified,
  { methods, issuedAtMs, expiresAtMs }: Receipt,
): Promise<object> {
  const { domains } = await snapshotGet(world);
  return {
    methods,
    user: {
      id: user.id,
      name: user.name,
      domain: { id: user.domainId, name: domains.get(user.domainId)?.name ?? user.domainId },
    },
    issued_at: isoMicroseconds(issuedAtMs),
    expires_at: isoMicroseconds(expiresAtMs),
  };
}
