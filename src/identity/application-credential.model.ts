import type { UserAccount } from './user.model.ts';

export interface AccessRule {
  readonly id: string;
  /** Service type, e.g. `compute`. */
  readonly service: string;
  readonly method: string;
  /** `{name}` and `*` stand for one part of a path, `**` for any number. */
  readonly path: string;
}

/** A secret of a user that opens one project with some of the user's roles. */
export interface ApplicationCredential {
  readonly id: string;
  readonly userId: string;
  readonly projectId: string;
  readonly name: string;
  readonly description: string | null;
  readonly secretHash: string;
  readonly expiresAtUs: number | null;
  readonly isUnrestricted: boolean;
  readonly roleIds: readonly string[];
  /** Empty: no bounds but the roles. */
  readonly accessRules: readonly AccessRule[];
}

/** The same as a process remembers it, with its user, in one generation of the directory. */
export interface KnownCredential {
  readonly generation: number;
  readonly credential: ApplicationCredential;
  readonly user: UserAccount | null;
}

const patterns = new Map<string, RegExp>();

/** Whether a request is among what the rules allow. */
export const isRuleMet = (
  rules: readonly AccessRule[],
  asked: { readonly services: readonly string[]; readonly method: string; readonly path: string },
): boolean =>
  rules.some(
    ({ service, method, path }) =>
      asked.services.includes(service) &&
      (method === asked.method || (method === 'GET' && asked.method === 'HEAD')) &&
      patternOf(path).test(asked.path),
  );

function patternOf(path: string): RegExp {
  const known = patterns.get(path);
  if (known !== undefined) return known;
  const source = path.replace(/\{[^}]*\}|\*\*|\*|[^{*]+|\{/g, (part) => {
    if (part === '**') return '.*';
    if (part === '*' || /^\{.*\}$/.test(part)) return '[^/]+';
    return part.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  });
  const pattern = new RegExp(`^${source}$`);
  if (patterns.size > 10_000) patterns.clear();
  patterns.set(path, pattern);
  return pattern;
}
