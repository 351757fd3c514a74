import { flag } from '../kernel/db.ts';
import type {
  AccessRuleRow,
  ApplicationCredentialRow,
  AssignmentRow,
  CredentialRow,
  DirectoryEntryRow,
  GroupRow,
  PasswordRow,
  ProjectRow,
  RoleRow,
  UserRow,
} from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import {
  isTrue,
  jsonIn,
  msOf,
  numberOrNull,
  textIn,
  textOrNull,
  type KeystoneRow,
  type KeystoneSource,
} from './keystone-source.ts';
import { federationRead, type KeystoneFederation } from './keystone-federation.ts';
import { boxOpen, boxSeal, type SecretKey } from './secret-box.ts';

/** What a Keystone database holds, as rows of ours. */
export interface KeystoneRows {
  readonly projects: readonly ProjectRow[];
  readonly tags: readonly { readonly project_id: string; readonly tag: string }[];
  readonly roles: readonly RoleRow[];
  readonly implications: readonly {
    readonly prior_role_id: string;
    readonly implied_role_id: string;
  }[];
  readonly users: readonly UserRow[];
  /** Users who come from identity providers. */
  readonly guests: readonly UserRow[];
  readonly federation: KeystoneFederation;
  readonly passwords: readonly PasswordRow[];
  readonly groups: readonly GroupRow[];
  readonly memberships: readonly { readonly group_id: string; readonly user_id: string }[];
  readonly assignments: readonly AssignmentRow[];
  readonly credentials: readonly CredentialRow[];
  readonly applicationCredentials: readonly ApplicationCredentialRow[];
  readonly accessRules: readonly AccessRuleRow[];
  readonly credentialRules: readonly {
    readonly credential_id: string;
    readonly rule_id: string;
  }[];
  /** Users and groups of directories: their ids are kept for the day they are met again. */
  readonly entries: readonly DirectoryEntryRow[];
  /** Left out, and why. */
  readonly skipped: readonly string[];
}

/** What Keystone writes where a domain has no domain, and a role belongs to none. */
const rootDomain = '<<keystone.domain.root>>';
const noDomain = '<<null>>';

const optionNames: Readonly<Record<string, string>> = {
  '1000': 'ignore_change_password_upon_first_use',
  '1001': 'ignore_password_expiry',
  '1002': 'ignore_lockout_failure_attempts',
  '1003': 'lock_password',
  '1004': 'ignore_user_inactivity',
  MFAR: 'multi_factor_auth_rules',
  MFAE: 'multi_factor_auth_enabled',
  IMMU: 'immutable',
};

export async function keystoneRowsRead(
  source: KeystoneSource,
  world: IdentityWorld,
  credentialKeys: readonly SecretKey[],
): Promise<KeystoneRows> {
  const skipped: string[] = [];
  const projects = projectsOf(await source.rows('project'), await options(source, 'project'));
  const federation = await federationRead(source);
  const { users, guests, passwords } = await usersRead(source, world, { federation, skipped });
  const credentials = credentialsOf(await source.rows('credential'), world, credentialKeys);
  return {
    projects,
    tags: (await source.rows('project_tag')).map((row) => ({
      project_id: textIn(row, 'project_id'),
      tag: textIn(row, 'name'),
    })),
    roles: rolesOf(await source.rows('role'), await options(source, 'role')),
    implications: (await source.rows('implied_role')).map((row) => ({
      prior_role_id: textIn(row, 'prior_role_id'),
      implied_role_id: textIn(row, 'implied_role_id'),
    })),
    users,
    guests,
    federation,
    passwords,
    groups: (await source.rows('group')).map((row) => ({
      id: textIn(row, 'id'),
      domain_id: textIn(row, 'domain_id'),
      name: textIn(row, 'name'),
      description: textIn(row, 'description'),
      extra: JSON.stringify(jsonIn(row, 'extra')),
    })),
    memberships: (await source.rows('user_group_membership')).map((row) => ({
      group_id: textIn(row, 'group_id'),
      user_id: textIn(row, 'user_id'),
    })),
    assignments: [
      ...(await source.rows('assignment')).map(assignmentOf),
      ...(await source.rows('system_assignment')).map(assignmentOf),
    ],
    credentials,
    ...(await applicationCredentialsRead(source, skipped)),
    entries: (await source.rows('id_mapping')).map((row) => ({
      public_id: textIn(row, 'public_id'),
      domain_id: textIn(row, 'domain_id'),
      kind: textIn(row, 'entity_type') === 'group' ? 'group' : 'user',
      local_id: textIn(row, 'local_id'),
      seen_at: 0,
      logged_in_at: 0,
      gone: flag(true),
    })),
    skipped,
  };
}

type Options = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

async function options(source: KeystoneSource, of: 'user' | 'project' | 'role'): Promise<Options> {
  const found = new Map<string, Record<string, unknown>>();
  for (const row of await source.rows(`${of}_option`)) {
    const id = textIn(row, `${of}_id`);
    const name = optionNames[textIn(row, 'option_id')];
    if (name === undefined) continue;
    const held = found.get(id) ?? {};
    held[name] = JSON.parse(textOrNull(row, 'option_value') ?? 'null');
    found.set(id, held);
  }
  return found;
}

/** Parents before their children. */
function projectsOf(rows: readonly KeystoneRow[], given: Options): ProjectRow[] {
  const known = new Map(rows.map((row) => [textIn(row, 'id'), row]));
  known.delete(rootDomain);
  const made = new Map<string, ProjectRow>();
  const make = (id: string, depth: number): ProjectRow | null => {
    const row = known.get(id);
    if (row === undefined || depth > 20) return null;
    const held = made.get(id);
    if (held !== undefined) return held;
    const isDomain = isTrue(row, 'is_domain');
    const domainId = isDomain ? null : textIn(row, 'domain_id');
    const parentId = isDomain ? null : (textOrNull(row, 'parent_id') ?? domainId);
    const parent = parentId === null ? null : make(parentId, depth + 1);
    const project: ProjectRow = {
      id,
      domain_id: domainId,
      parent_id: parentId,
      path: `${parent?.path ?? ''}${id}/`,
      is_domain: flag(isDomain),
      name: textIn(row, 'name'),
      description: textIn(row, 'description'),
      enabled: flag(row['enabled'] === null || isTrue(row, 'enabled')),
      options: JSON.stringify(given.get(id) ?? {}),
      extra: JSON.stringify(jsonIn(row, 'extra')),
    };
    made.set(id, project);
    return project;
  };
  for (const id of known.keys()) make(id, 0);
  return [...made.values()];
}

const rolesOf = (rows: readonly KeystoneRow[], given: Options): RoleRow[] =>
  rows.map((row) => {
    const domainId = textIn(row, 'domain_id');
    return {
      id: textIn(row, 'id'),
      name: textIn(row, 'name'),
      domain_id: domainId === noDomain || domainId === '' ? null : domainId,
      description: textOrNull(row, 'description'),
      options: JSON.stringify(given.get(textIn(row, 'id')) ?? {}),
      extra: JSON.stringify(jsonIn(row, 'extra')),
    };
  });

async function usersRead(
  source: KeystoneSource,
  world: IdentityWorld,
  { federation, skipped }: { federation: KeystoneFederation; skipped: string[] },
): Promise<Pick<KeystoneRows, 'users' | 'guests' | 'passwords'>> {
  const given = await options(source, 'user');
  const locals = new Map(
    (await source.rows('local_user')).map((row) => [textIn(row, 'user_id'), row]),
  );
  const newest = new Map<string, KeystoneRow>();
  for (const row of await source.rows('password')) {
    const id = String(numberOrNull(row, 'local_user_id'));
    const held = newest.get(id);
    const isNewer =
      held === undefined ||
      (numberOrNull(row, 'created_at_int') ?? 0) >= (numberOrNull(held, 'created_at_int') ?? 0);
    if (isNewer) newest.set(id, row);
  }
  const [users, guests, passwords]: [UserRow[], UserRow[], PasswordRow[]] = [[], [], []];
  let others = 0;
  for (const row of await source.rows('user')) {
    const id = textIn(row, 'id');
    const local = locals.get(id);
    const guestName = federation.names.get(id);
    if (local === undefined && guestName === undefined) {
      others++;
      continue;
    }
    (local === undefined ? guests : users).push({
      id,
      domain_id: textIn(row, 'domain_id'),
      name: local === undefined ? guestName || id : textIn(local, 'name'),
      enabled: flag(isTrue(row, 'enabled')),
      default_project_id: textOrNull(row, 'default_project_id'),
      options: JSON.stringify(given.get(id) ?? {}),
      extra: JSON.stringify(jsonIn(row, 'extra')),
      created_at: msOf(row, 'created_at') ?? world.clock.now(),
    });
    if (local === undefined) continue;
    const password = newest.get(String(numberOrNull(local, 'id')));
    const hash = password === undefined ? null : textOrNull(password, 'password_hash');
    if (password === undefined || hash === null) continue;
    const expiresAtUs = numberOrNull(password, 'expires_at_int');
    passwords.push({
      id: world.ids.uuid(),
      user_id: id,
      hash,
      created_at: Math.floor((numberOrNull(password, 'created_at_int') ?? 0) / 1000),
      expires_at: expiresAtUs === null ? null : Math.floor(expiresAtUs / 1000),
      self_service: 0,
    });
  }
  if (others > 0) {
    skipped.push(`${others} users of directories: they come when they log in`);
  }
  return { users, guests, passwords };
}

function assignmentOf(row: KeystoneRow): AssignmentRow {
  const type = textIn(row, 'type');
  return {
    actor_kind: type.startsWith('Group') ? 'group' : 'user',
    actor_id: textIn(row, 'actor_id'),
    target_kind: type.endsWith('System')
      ? 'system'
      : type.endsWith('Domain')
        ? 'domain'
        : 'project',
    target_id: textIn(row, 'target_id'),
    role_id: textIn(row, 'role_id'),
    inherited: flag(isTrue(row, 'inherited')),
  };
}

/** Opened with Keystone's keys and sealed with ours. */
function credentialsOf(
  rows: readonly KeystoneRow[],
  { credentialKeys: [key], clock, ids }: IdentityWorld,
  theirs: readonly SecretKey[],
): CredentialRow[] {
  if (key === undefined) throw new Error('there is no key to seal credentials with');
  return rows.map((row) => {
    const id = textIn(row, 'id');
    const blob = boxOpen(theirs, textIn(row, 'encrypted_blob'));
    if (blob === null) {
      throw new KeystoneUnreadable(
        `credential ${id} cannot be decrypted with the keys that were given; name Keystone's folder with --credential-keys`,
      );
    }
    return {
      id,
      user_id: textIn(row, 'user_id'),
      project_id: textOrNull(row, 'project_id'),
      type: textIn(row, 'type'),
      blob: boxSeal(key, blob, { nowMs: clock.now(), iv: ids.secret(16) }),
      extra: JSON.stringify(jsonIn(row, 'extra')),
    };
  });
}

async function applicationCredentialsRead(
  source: KeystoneSource,
  skipped: string[],
): Promise<Pick<KeystoneRows, 'applicationCredentials' | 'accessRules' | 'credentialRules'>> {
  const roles = Map.groupBy(await source.rows('application_credential_role'), (row) =>
    numberOrNull(row, 'application_credential_id'),
  );
  const rows = await source.rows('application_credential');
  const ofProjects = rows.filter((row) => textOrNull(row, 'project_id') !== null);
  if (ofProjects.length < rows.length) {
    skipped.push(`${rows.length - ofProjects.length} application credentials of the system`);
  }
  const ids = new Map(
    ofProjects.map((row) => [numberOrNull(row, 'internal_id'), textIn(row, 'id')]),
  );
  const rules = new Map(
    (await source.rows('access_rule')).map((row) => [numberOrNull(row, 'id'), row]),
  );
  return {
    applicationCredentials: ofProjects.map((row) => ({
      id: textIn(row, 'id'),
      user_id: textIn(row, 'user_id'),
      project_id: textIn(row, 'project_id'),
      name: textIn(row, 'name'),
      description: textOrNull(row, 'description'),
      secret_hash: textIn(row, 'secret_hash'),
      expires_at_us: numberOrNull(row, 'expires_at'),
      unrestricted: flag(isTrue(row, 'unrestricted')),
      role_ids: JSON.stringify(
        (roles.get(numberOrNull(row, 'internal_id')) ?? []).map((role) => textIn(role, 'role_id')),
      ),
    })),
    accessRules: [...rules.values()].map((row) => ({
      id: textIn(row, 'external_id'),
      user_id: textIn(row, 'user_id'),
      service: textIn(row, 'service'),
      method: textIn(row, 'method'),
      path: textIn(row, 'path'),
    })),
    credentialRules: (await source.rows('application_credential_access_rule')).flatMap((row) => {
      const credentialId = ids.get(numberOrNull(row, 'application_credential_id'));
      const rule = rules.get(numberOrNull(row, 'access_rule_id'));
      if (credentialId === undefined || rule === undefined) return [];
      return [{ credential_id: credentialId, rule_id: textIn(rule, 'external_id') }];
    }),
  };
}

/** What a person can put right. */
export class KeystoneUnreadable extends Error {
  override readonly name = 'KeystoneUnreadable';
}
