import { forbidden } from '../kernel/errors.ts';
import { isImmutable, type Options } from './project.model.ts';

/** An immutable thing only takes the change that makes it mutable. */
export function immutableCheck(
  what: string,
  held: { readonly id: string; readonly options: Options },
  wanted: { readonly options?: { readonly immutable?: boolean | null | undefined } | undefined },
): void {
  if (!isImmutable(held)) return;
  const isRelease =
    Object.keys(wanted).length === 1 &&
    (wanted.options?.immutable === false || wanted.options?.immutable === null);
  if (isRelease) return;
  throw forbidden(
    `Unable to update immutable ${what} resource: \`${held.id}\`. Set resource option "immutable" to false first.`,
  );
}

export function immutableDeleteCheck(
  what: string,
  held: { readonly id: string; readonly options: Options },
): void {
  if (!isImmutable(held)) return;
  throw forbidden(
    `Unable to delete immutable ${what} resource: \`${held.id}\`. Set resource option "immutable" to false first.`,
  );
}
