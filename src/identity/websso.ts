import { Failure, invalid } from '../kernel/errors.ts';
import { textEquals } from './access-signature.ts';
import { attemptRecord } from './attempt.ts';
import { federatedAuthenticate, type MoreNeeded } from './auth.ts';
import { unauthenticated } from './auth-failure.ts';
import type { Evidence } from './federated-log-in.ts';
import { answerOf, oidcProvidersOf, wayRead } from './federated-way.ts';
import type { ProtocolNamed } from './federation-protocol.ts';
import { providerIdsOf } from './federation.store.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { attributesOf } from './oidc-attributes.ts';
import type { LogInAttempt, OidcProvider } from './oidc.model.ts';
import { linkTo } from './reply.ts';
import type { IssuedToken } from './token.ts';
import { stateLifeMs, stateOpen, stateSeal, type WebssoState } from './websso-state.ts';

/** Where a browser is sent, and what it must bring back. */
export interface WebssoStarted {
  readonly url: string;
  readonly sealedState: string;
}

/** Null for the id of the provider: the only one that has the protocol. */
export interface WebssoNamed {
  readonly idpId: string | null;
  readonly id: string;
}

/** A dashboard sends a browser here, and it is sent on to the provider. */
export async function webssoStart(
  context: IdentityContext,
  named: WebssoNamed,
  origin: string | null,
): Promise<WebssoStarted> {
  const { world } = context;
  if (origin === null || origin === '')
    throw invalid('Request must have an origin query parameter');
  try {
    originCheck(world, origin);
    const { idpId } = named;
    const chosen = { id: named.id, idpId: idpId ?? (await onlyProviderId(world, named.id)) };
    const { provider } = await wayRead(world, chosen);
    const [way] = oidcProvidersOf(world, provider).flatMap((oidc) => waysOf(oidc));
    if (way === undefined) {
      throw unauthenticated('no OpenID provider that browsers can log in at is configured for it');
    }
    const attempt = attemptMake(context, chosen);
    const url = await answerOf(way.oidc, way.browser.logInUrl(attempt));
    const expiresAtMs = world.clock.now() + stateLifeMs;
    const { issuer } = way.oidc;
    const state = { named: chosen, issuer, attempt, origin, expiresAtMs };
    return { url, sealedState: stateSeal(world, state) };
  } catch (error) {
    if (error instanceof Failure) attemptRecord(context, null, error);
    throw error;
  }
}

const waysOf = (oidc: OidcProvider) =>
  oidc.browser === null ? [] : [{ oidc, browser: oidc.browser }];

/** The token goes to no address but one that the operator has written down. */
function originCheck({ settings }: IdentityWorld, origin: string): void {
  if (settings.trustedDashboards.includes(origin)) return;
  throw unauthenticated('the origin is not a trusted dashboard');
}

async function onlyProviderId(world: IdentityWorld, protocolId: string): Promise<string> {
  const [found, ...more] = await world.db.read((tx) => providerIdsOf(tx, protocolId));
  if (found === undefined) throw unauthenticated('no identity provider has the protocol');
  if (more.length === 0) return found;
  throw unauthenticated('several identity providers have the protocol: one must be named');
}

const attemptMake = (context: IdentityContext, { idpId, id }: ProtocolNamed): LogInAttempt => {
  const secret = (length: number) => context.ids.secret(length).toString('base64url');
  const [provider, protocol] = [idpId, id].map(encodeURIComponent);
  const path = `/auth/OS-FEDERATION/identity_providers/${provider}/protocols/${protocol}/websso`;
  return {
    state: secret(16),
    nonce: secret(16),
    verifier: secret(32),
    redirectUri: linkTo(context, path),
  };
};

/** What a browser brings back from the provider. */
export interface WebssoReturn {
  readonly named: ProtocolNamed;
  readonly query: URLSearchParams;
  readonly sealedState: string | null;
}

export interface WebssoEnded {
  readonly issued: IssuedToken | MoreNeeded;
  readonly origin: string;
}

export async function webssoEnd(
  context: IdentityContext,
  returned: WebssoReturn,
): Promise<WebssoEnded> {
  const { world } = context;
  let origin = '';
  const evidence: Evidence = async ({ provider }) => {
    const state = stateNeed(world, returned);
    originCheck(world, state.origin);
    ({ origin } = state);
    const way = oidcProvidersOf(world, provider)
      .flatMap(waysOf)
      .find(({ oidc }) => oidc.issuer === state.issuer);
    if (way === undefined) throw unauthenticated('the provider is not configured any more');
    const { oidc, browser } = way;
    const answer = await answerOf(oidc, browser.codeRedeem(codeOf(returned.query), state.attempt));
    if ('why' in answer) throw unauthenticated(answer.why);
    return attributesOf(answer.claims, oidc.remoteUserClaim);
  };
  const issued = await federatedAuthenticate(context, returned.named, { evidence, receipt: null });
  return { issued, origin };
}

/** The browser that comes back is the one that was sent away, to this provider, not long ago, and it comes once. */
function stateNeed(world: IdentityWorld, { named, query, sealedState }: WebssoReturn): WebssoState {
  const state = sealedState === null ? null : stateOpen(world, sealedState);
  if (state === null) throw unauthenticated('the browser was not sent from here, or too long ago');
  const { attempt } = state;
  if (!textEquals(attempt.state, query.get('state') ?? '')) {
    throw unauthenticated('what came back is of another browser or of another log-in');
  }
  if (state.named.idpId !== named.idpId || state.named.id !== named.id) {
    throw unauthenticated('the browser was sent to another provider');
  }
  if (world.memory.returns.get(attempt.state) === true) {
    throw unauthenticated('this log-in has come back already');
  }
  world.memory.returns.set(attempt.state, true);
  return state;
}

function codeOf(query: URLSearchParams): { code: string; issuer: string | null } {
  const fault = query.get('error');
  if (fault !== null) {
    const shown = /^[\w.-]{1,64}$/.test(fault) ? fault : 'an error';
    throw unauthenticated(`the provider says ${shown}`);
  }
  const code = query.get('code') ?? '';
  if (code === '') throw unauthenticated('no code came back');
  return { code, issuer: query.get('iss') };
}
