import { readFileSync } from 'node:fs';

/**
 * An oslo.policy file: JSON, or YAML as oslopolicy-sample-generator writes it - lines of `"name": "check"` and
 * comments. Anything else is refused with its line, because a rule that is not understood must not be dropped.
 */
export function policyFileRead(path: string): Readonly<Record<string, string>> {
  return policyParse(readFileSync(path, 'utf8'), path);
}

const ruleLine =
  /^(?:"([^"]+)"|'([^']+)'|([\w:.-]+?)):\s+(?:"([^"]*)"|'((?:[^']|'')*)'|([^"'#][^#]*?))?\s*(?:#.*)?$/;

export function policyParse(text: string, path: string): Readonly<Record<string, string>> {
  if (text.trimStart().startsWith('{')) return jsonRules(text, path);
  const rules: Record<string, string> = {};
  for (const [index, line] of text.split('\n').entries()) {
    const bare = line.trim();
    if (bare === '' || bare === '---' || bare.startsWith('#')) continue;
    const match = ruleLine.exec(bare);
    const name = match?.[1] ?? match?.[2] ?? match?.[3];
    if (match === null || name === undefined || line.startsWith(' ')) {
      throw new Error(`${path}:${index + 1}: expected "rule": "check", got: ${bare}`);
    }
    rules[name] = match[4] ?? match[5]?.replaceAll("''", "'") ?? match[6] ?? '';
  }
  return rules;
}

function jsonRules(text: string, path: string): Readonly<Record<string, string>> {
  const value = JSON.parse(text) as Record<string, unknown>;
  const wrong = Object.entries(value).find(([, check]) => typeof check !== 'string');
  if (wrong !== undefined) throw new Error(`${path}: the check of "${wrong[0]}" must be a string`);
  return value as Record<string, string>;
}
