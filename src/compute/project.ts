import type { Context } from '../kernel/context.ts';
import { forbidden } from '../kernel/errors.ts';

/** Nova acts for projects: a token without one is refused. */
export function projectOf({ actor }: Pick<Context<unknown>, 'actor'>): string {
  if (actor.scope.kind === 'project') return actor.scope.projectId;
  throw forbidden('A token of a project is needed here.');
}
