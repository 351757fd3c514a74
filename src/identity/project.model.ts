import { flag } from '../kernel/db.ts';
import type { ProjectRow } from './identity.tables.ts';

export type Options = Readonly<Record<string, unknown>>;
/** What clients stored beside the known attributes: kept and given back. */
export type Extra = Readonly<Record<string, unknown>>;

export interface Project {
  readonly id: string;
  /** Null for what is a domain itself. */
  readonly domainId: string | null;
  readonly parentId: string | null;
  readonly path: string;
  readonly isDomain: boolean;
  readonly name: string;
  readonly description: string;
  readonly isEnabled: boolean;
  readonly options: Options;
  readonly extra: Extra;
}

export const projectOf = (row: ProjectRow): Project => ({
  id: row.id,
  domainId: row.domain_id,
  parentId: row.parent_id,
  path: row.path,
  isDomain: row.is_domain === 1,
  name: row.name,
  description: row.description,
  isEnabled: row.enabled === 1,
  options: JSON.parse(row.options) as Options,
  extra: JSON.parse(row.extra) as Extra,
});

type Named = Pick<Project, 'id' | 'name'> & Partial<Project>;

/** Enabled and empty where nothing else is said. */
const plain = { description: '', isEnabled: true, options: {}, extra: {} } as const;

export const domainNew = (named: Named): Project => ({
  domainId: null,
  parentId: null,
  path: `${named.id}/`,
  isDomain: true,
  ...plain,
  ...named,
});

/** Right below its domain. */
export const projectNew = (named: Named & { readonly domainId: string }): Project => ({
  parentId: named.domainId,
  path: `${named.domainId}/${named.id}/`,
  isDomain: false,
  ...plain,
  ...named,
});

export const projectRowOf = (project: Project): ProjectRow => ({
  id: project.id,
  domain_id: project.domainId,
  parent_id: project.parentId,
  path: project.path,
  is_domain: flag(project.isDomain),
  name: project.name,
  description: project.description,
  enabled: flag(project.isEnabled),
  options: JSON.stringify(project.options),
  extra: JSON.stringify(project.extra),
});

/** From the domain down to its parent. */
export const ancestorIds = ({ id, path }: Pick<Project, 'id' | 'path'>): string[] =>
  path.split('/').filter((part) => part !== '' && part !== id);

export const isImmutable = ({ options }: { readonly options: Options }): boolean =>
  options['immutable'] === true;

/** An option set to null is taken away. */
export const optionsMerge = (held: Options, change: Options = {}): Options =>
  Object.fromEntries(Object.entries({ ...held, ...change }).filter(([, value]) => value !== null));
