import { badArgument, S3Failure } from '../failure.ts';
import { childOf, countOf, onlyChildren, rootNamed, textNeeded, textOf } from '../wire/xml-read.ts';
import { element, elementIf, isoMilliseconds, xmlDocument } from '../wire/xml-write.ts';

export type LockMode = 'GOVERNANCE' | 'COMPLIANCE';

export interface Retention {
  readonly mode: LockMode;
  readonly untilMs: number;
}

/** Of a bucket: what new objects get when their request says nothing. */
export interface DefaultRetention {
  readonly mode: LockMode;
  readonly days: number | null;
  readonly years: number | null;
}
export interface ObjectLockSettings {
  readonly rule: DefaultRetention | null;
}

const dayMs = 86_400_000;
const isMode = (text: string | null): text is LockMode =>
  text === 'GOVERNANCE' || text === 'COMPLIANCE';

export function objectLockParse(bytes: Buffer): ObjectLockSettings {
  const root = rootNamed(bytes, 'ObjectLockConfiguration');
  onlyChildren(root, ['ObjectLockEnabled', 'Rule']);
  if (textOf(root, 'ObjectLockEnabled') !== 'Enabled') throw new S3Failure('MalformedXML');
  const rule = childOf(root, 'Rule');
  if (rule === null) return { rule: null };
  const retention = childOf(rule, 'DefaultRetention');
  const mode = retention === null ? null : textOf(retention, 'Mode');
  if (retention === null || !isMode(mode)) throw new S3Failure('MalformedXML');
  const [days, years] = [periodOf('Days', retention), periodOf('Years', retention)];
  if ((days === null) === (years === null)) throw new S3Failure('MalformedXML');
  return { rule: { mode, days, years } };
}

function periodOf(name: 'Days' | 'Years', node: Parameters<typeof countOf>[0]): number | null {
  const count = countOf(node, name);
  if (count === null) return null;
  const most = name === 'Days' ? 36_500 : 100;
  if (count >= 1 && count <= most) return count;
  throw new S3Failure(
    'InvalidRetentionPeriod',
    `Default retention period must be a positive integer value.`,
  );
}

export function objectLockDocument({ rule }: ObjectLockSettings): string {
  const retention =
    rule === null
      ? ''
      : `<Rule><DefaultRetention>${element('Mode', rule.mode)}${elementIf('Days', rule.days)}${elementIf('Years', rule.years)}</DefaultRetention></Rule>`;
  return xmlDocument(
    'ObjectLockConfiguration',
    element('ObjectLockEnabled', 'Enabled') + retention,
  );
}

export function defaultRetention(
  { mode, days, years }: DefaultRetention,
  nowMs: number,
): Retention {
  if (days !== null) return { mode, untilMs: nowMs + days * dayMs };
  const until = new Date(nowMs);
  until.setUTCFullYear(until.getUTCFullYear() + (years ?? 0));
  return { mode, untilMs: until.getTime() };
}

/** Null: the retention is taken off. */
export function retentionParse(bytes: Buffer, nowMs: number): Retention | null {
  const root = rootNamed(bytes, 'Retention');
  onlyChildren(root, ['Mode', 'RetainUntilDate']);
  if (root.children.length === 0) return null;
  const mode = textOf(root, 'Mode');
  if (!isMode(mode)) throw new S3Failure('MalformedXML');
  return { mode, untilMs: untilParse(textNeeded(root, 'RetainUntilDate'), nowMs, 'MalformedXML') };
}

function untilParse(text: string, nowMs: number, code: 'MalformedXML' | 'InvalidArgument'): number {
  const untilMs = Date.parse(text);
  if (Number.isNaN(untilMs) || !/^\d{4}-/.test(text)) throw new S3Failure(code);
  if (untilMs <= nowMs) {
    throw badArgument('RetainUntilDate', text, 'The retain until date must be in the future!');
  }
  return untilMs;
}

export const retentionDocument = ({ mode, untilMs }: Retention): string =>
  xmlDocument(
    'Retention',
    element('Mode', mode) + element('RetainUntilDate', isoMilliseconds(untilMs)),
  );

export function legalHoldParse(bytes: Buffer): boolean {
  const root = rootNamed(bytes, 'LegalHold');
  return legalHoldOf(textNeeded(root, 'Status'), 'MalformedXML');
}

function legalHoldOf(text: string, code: 'MalformedXML' | 'InvalidArgument'): boolean {
  if (text !== 'ON' && text !== 'OFF') throw new S3Failure(code);
  return text === 'ON';
}

export const legalHoldDocument = (isOn: boolean): string =>
  xmlDocument('LegalHold', element('Status', isOn ? 'ON' : 'OFF'));

export interface LockHeaders {
  readonly retention: Retention | null;
  readonly legalHold: boolean | null;
}

/** What the headers of an upload ask for. */
export function lockOfHeaders(header: (name: string) => string | null, nowMs: number): LockHeaders {
  const mode = header('x-amz-object-lock-mode');
  const until = header('x-amz-object-lock-retain-until-date');
  const hold = header('x-amz-object-lock-legal-hold');
  if ((mode === null) !== (until === null)) {
    throw badArgument(
      mode === null ? 'x-amz-object-lock-mode' : 'x-amz-object-lock-retain-until-date',
      '',
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    );
  }
  if (mode !== null && !isMode(mode)) {
    throw badArgument('x-amz-object-lock-mode', mode, 'Unknown wormMode directive.');
  }
  return {
    retention:
      mode === null || until === null
        ? null
        : { mode, untilMs: untilParse(until, nowMs, 'InvalidArgument') },
    legalHold: hold === null ? null : legalHoldOf(hold, 'InvalidArgument'),
  };
}

export interface RetentionChange {
  readonly old: Retention | null;
  readonly wanted: Retention | null;
  readonly nowMs: number;
  readonly bypasses: boolean;
}

/** Compliance is only ever prolonged; governance yields to those who may bypass it and ask for it. */
export function retentionChangeCheck({ old, wanted, nowMs, bypasses }: RetentionChange): void {
  if (old === null || old.untilMs <= nowMs) return;
  const isLonger = wanted !== null && wanted.untilMs >= old.untilMs;
  const isKept = isLonger && (wanted.mode === old.mode || old.mode === 'GOVERNANCE');
  if (isKept || (old.mode === 'GOVERNANCE' && bypasses)) return;
  throw new S3Failure('AccessDenied', 'Access Denied because object protected by object lock.');
}
