import type { Actor } from './policy.ts';

/** A CADF event (DSP0262): who did what to what, and how it ended. Never carries a secret. */
export interface AuditEvent {
  readonly typeURI: 'http://schemas.dmtf.org/cloud/audit/1.0/event';
  readonly id: string;
  readonly eventTime: string;
  readonly eventType: 'activity';
  readonly action: string;
  readonly outcome: 'success' | 'failure' | 'pending';
  readonly reason?: { readonly reasonCode: string; readonly reasonType: string };
  readonly initiator: {
    readonly id: string;
    readonly typeURI: 'service/security/account/user';
    readonly name?: string;
    readonly project_id?: string;
    readonly domain_id?: string;
    readonly request_id?: string;
    readonly host?: { readonly address?: string; readonly agent?: string };
  };
  readonly target: { readonly id: string; readonly typeURI: string };
  readonly observer: { readonly id: string; readonly typeURI: string; readonly name: string };
}

export interface AuditRecord {
  readonly service: string;
  readonly action: string;
  readonly outcome: AuditEvent['outcome'];
  readonly target: { readonly id: string; readonly typeURI: string };
  readonly reason?: { readonly code: number | string; readonly type: string };
  readonly actor: Actor | null;
  readonly requestId: string;
  readonly remoteAddress?: string;
  readonly userAgent?: string;
}

/** Where events go: an append-only file, syslog, or a test's list. */
export interface AuditSink {
  write(event: AuditEvent): void;
}

export function auditEvent(record: AuditRecord, id: string, time: string): AuditEvent {
  const { actor, reason, remoteAddress, userAgent } = record;
  const host = {
    ...(remoteAddress === undefined ? {} : { address: remoteAddress }),
    ...(userAgent === undefined ? {} : { agent: userAgent.slice(0, 200) }),
  };
  return {
    typeURI: 'http://schemas.dmtf.org/cloud/audit/1.0/event',
    id,
    eventTime: time,
    eventType: 'activity',
    action: record.action,
    outcome: record.outcome,
    ...(reason && { reason: { reasonCode: String(reason.code), reasonType: reason.type } }),
    initiator: {
      id: actor?.userId ?? 'unknown',
      typeURI: 'service/security/account/user',
      ...(actor && { name: actor.userName }),
      ...(actor?.scope.kind === 'project' && { project_id: actor.scope.projectId }),
      ...(actor?.scope.kind === 'domain' && { domain_id: actor.scope.domainId }),
      request_id: record.requestId,
      host,
    },
    target: record.target,
    observer: { id: record.service, typeURI: `service/${record.service}`, name: 'welkin' },
  };
}
