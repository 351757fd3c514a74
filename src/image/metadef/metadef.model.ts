import type { MetadefDefinitionTable } from '../image.tables.ts';

export type DefinitionKind = MetadefDefinitionTable['kind'];

export interface Namespace {
  readonly id: string;
  readonly name: string;
  readonly displayName: string | null;
  readonly description: string | null;
  readonly visibility: 'public' | 'private';
  readonly isProtected: boolean;
  readonly owner: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What users set of a namespace. */
export type NamespaceEdit = Pick<
  Namespace,
  'name' | 'displayName' | 'description' | 'visibility' | 'isProtected' | 'owner'
>;

export interface Definition {
  readonly kind: DefinitionKind;
  readonly name: string;
  /** As the API shows it, without the name and the times. */
  readonly value: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type DefinitionNew = Pick<Definition, 'kind' | 'name' | 'value'>;

export interface ResourceType {
  readonly name: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}
