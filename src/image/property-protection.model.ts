export type PropertyAct = 'create' | 'read' | 'update' | 'delete';
export const propertyActs: readonly PropertyAct[] = ['create', 'read', 'update', 'delete'];

/** Which roles may do what with custom properties of these names; the first that fits a name decides. */
export interface Protection extends Readonly<Record<PropertyAct, readonly string[]>> {
  readonly names: RegExp;
}
