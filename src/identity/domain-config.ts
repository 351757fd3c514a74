import { forbidden, notFound, type Failure } from '../kernel/errors.ts';
import { configDefaults, isGroup, isOption, isSensitive } from './domain-config.options.ts';
import {
  configRead,
  configRemove,
  configUpsert,
  type ConfigOption,
} from './domain-config.store.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import { defaultDomainId, type IdentityContext } from './identity.world.ts';
import { projectGet } from './project.store.ts';
import { boxSeal } from './secret-box.ts';

export type Config = Readonly<Record<string, unknown>>;

/** All of a domain's configuration, one group of it, or one option. */
export interface ConfigPath {
  readonly domainId: string;
  readonly group?: string | undefined;
  readonly option?: string | undefined;
}

const rejected = (reason: string): Failure =>
  forbidden(`Invalid domain specific configuration: ${reason}.`);

const unknown = ({ domainId, group, option }: ConfigPath): Failure => {
  const what =
    group === undefined
      ? 'any options'
      : option === undefined
        ? `group ${group}`
        : `option ${option} in group ${group}`;
  return notFound(`Could not find ${what} in domain configuration for domain ${domainId}.`);
};

function nameCheck(group: string | undefined, option?: string): void {
  if (group === undefined) return;
  if (!isGroup(group)) {
    throw rejected(`Group ${group} is not supported for domain specific configurations`);
  }
  if (option === undefined || isOption(group, option)) return;
  throw rejected(
    `Option ${option} in group ${group} is not supported for domain specific configurations`,
  );
}

async function domainCheck(tx: Tx, id: string): Promise<void> {
  if ((await projectGet(tx, id))?.isDomain !== true) throw missing('domain', id);
}

/** Groups of options as rows; secrets are sealed on the way. */
function optionsOf({ world }: IdentityContext, config: Config): ConfigOption[] {
  if (Object.keys(config).length === 0) throw rejected('No options specified');
  const [key] = world.credentialKeys;
  if (key === undefined) throw new Error('there is no key to seal secrets with');
  return Object.entries(config).flatMap(([group, options]) => {
    nameCheck(group);
    if (typeof options !== 'object' || options === null || Object.keys(options).length === 0) {
      throw rejected(
        `The value of group ${group} specified in the config should be a dictionary of options`,
      );
    }
    return Object.entries(options).map(([option, value]) => {
      nameCheck(group, option);
      const json = JSON.stringify(value);
      if (!isSensitive(group, option)) return { group, option, value: json };
      const sealing = { nowMs: world.clock.now(), iv: world.ids.secret(16) };
      return { group, option, value: boxSeal(key, Buffer.from(json), sealing) };
    });
  });
}

function shown(options: readonly ConfigOption[], { group, option }: ConfigPath): Config {
  const visible = options.filter(
    (held) =>
      !isSensitive(held.group, held.option) &&
      (group === undefined || held.group === group) &&
      (option === undefined || held.option === option),
  );
  if (option !== undefined) {
    return Object.fromEntries(visible.map((held) => [held.option, JSON.parse(held.value)]));
  }
  return Object.fromEntries(
    [...Map.groupBy(visible, (held) => held.group)].map(([name, held]) => [
      name,
      Object.fromEntries(held.map((one) => [one.option, JSON.parse(one.value) as unknown])),
    ]),
  );
}

export async function configPut(
  context: IdentityContext,
  domainId: string,
  config: Config,
): Promise<{ config: Config; isNew: boolean }> {
  context.authorize('identity:create_domain_config');
  const options = optionsOf(context, config);
  return await directoryWrite(context.world, async (tx) => {
    await domainCheck(tx, domainId);
    const isNew = (await configRead(tx, domainId)).length === 0;
    await configRemove(tx, domainId);
    await configUpsert(tx, domainId, options);
    return { config: shown(await configRead(tx, domainId), { domainId }), isNew };
  });
}

export async function configGet(context: IdentityContext, path: ConfigPath): Promise<Config> {
  if (path.group === 'security_compliance') return securityGet(context, path);
  context.authorize('identity:get_domain_config');
  return await context.world.db.read(async (tx) => {
    await domainCheck(tx, path.domainId);
    nameCheck(path.group, path.option);
    const config = shown(await configRead(tx, path.domainId), path);
    if (Object.keys(config).length === 0) throw unknown(path);
    return config;
  });
}

/** What a password must look like: everybody may ask, for the default domain. */
function securityGet(context: IdentityContext, { domainId, option }: ConfigPath): Config {
  context.authorize('identity:get_security_compliance_domain_config');
  if (domainId !== defaultDomainId) {
    throw rejected(
      'Reading security compliance information for any domain other than the default domain is not allowed or supported.',
    );
  }
  const readable: Config = { password_regex: null, password_regex_description: null };
  if (option === undefined) return { security_compliance: readable };
  if (!Object.hasOwn(readable, option)) {
    throw rejected(
      'Reading security compliance values other than password_regex and password_regex_description is not allowed.',
    );
  }
  return { [option]: readable[option] };
}

export async function configUpdate(
  context: IdentityContext,
  path: ConfigPath,
  wanted: Config,
): Promise<Config> {
  context.authorize('identity:update_domain_config');
  const { domainId, group, option } = path;
  nameCheck(group, option);
  const config = group !== undefined && option !== undefined ? { [group]: wanted } : wanted;
  const options = optionsOf(context, config);
  if (group !== undefined) updateCheck(options, group, option);
  return await directoryWrite(context.world, async (tx) => {
    await domainCheck(tx, domainId);
    const held = await configRead(tx, domainId);
    if (group !== undefined && !isHeld(held, group, option)) throw unknown(path);
    await configUpsert(tx, domainId, options);
    return shown(await configRead(tx, domainId), { domainId });
  });
}

/** What the path names and nothing else. */
function updateCheck(options: readonly ConfigOption[], group: string, option?: string): void {
  const stray = options.find((one) => one.group !== group || (option ?? one.option) !== one.option);
  if (stray === undefined) return;
  throw rejected(
    option === undefined
      ? `Trying to update group ${group}, so that, and only that, group must be specified in the config`
      : `Trying to update option ${option} in group ${group}, so that, and only that, option must be specified in the config`,
  );
}

const isHeld = (held: readonly ConfigOption[], group: string, option?: string): boolean =>
  held.some((one) => one.group === group && (option === undefined || one.option === option));

export async function configDelete(context: IdentityContext, path: ConfigPath): Promise<void> {
  context.authorize('identity:delete_domain_config');
  const { domainId, group, option } = path;
  nameCheck(group, option);
  await directoryWrite(context.world, async (tx) => {
    await domainCheck(tx, domainId);
    const held = await configRead(tx, domainId);
    if (group !== undefined && !isHeld(held, group, option)) throw unknown(path);
    await configRemove(tx, domainId, { group, option });
  });
}

export function configDefaultGet(
  context: IdentityContext,
  { group, option }: Omit<ConfigPath, 'domainId'>,
): Config {
  context.authorize('identity:get_domain_config_default');
  nameCheck(group, option);
  if (group === undefined) return configDefaults;
  const options = configDefaults[group] ?? {};
  return option === undefined ? { [group]: options } : { [option]: options[option] ?? null };
}
