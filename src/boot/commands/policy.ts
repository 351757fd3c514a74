import type { RoleOrigin } from '../../identity/role-origin.ts';
import type { PartExplained } from '../../kernel/policy-explain.ts';
import { cloudStartedOrFail, stateDirOf } from '../cloud.ts';
import { exitCodes, isSet, textOf, UserError, type Command } from '../command.ts';
import { identityUse } from '../database-command.ts';
import { policyExplain, type Explained } from '../policy-explain.ts';
import { policyOpen } from '../policy-open.ts';
import { rootCheck } from '../root-check.ts';

export const policyCommand: Command = {
  name: 'policy',
  usage: `welkin policy explain USER PROJECT RULE - why something is allowed or refused

Tells the roles that the user has there and where they come from (given, by a group, inherited, implied), the rule with its
source, and the part of it that decided. The rule is asked about something of that project and that user; --target says
otherwise. PROJECT may be system or domain:NAME. The exit code is 0 when it is allowed, 1 when it is refused.

  --user-domain NAME      domain of the user (default Default)
  --project-domain NAME   domain of the project (default Default)
  --target NAME=VALUE,... attributes of the thing acted on, as the rule calls them
  --state-dir DIR         where the cloud lives (default /var/lib/welkin)
  --json                  print everything as JSON

examples:
  welkin policy explain demo demo os_compute_api:servers:create
  welkin policy explain alice web identity:create_user --user-domain corp --project-domain corp
  welkin policy explain demo demo get_network --target project_id=0123456789abcdef`,
  options: {
    'state-dir': { type: 'string', default: '/var/lib/welkin' },
    'user-domain': { type: 'string', default: 'Default' },
    'project-domain': { type: 'string', default: 'Default' },
    target: { type: 'string' },
    json: { type: 'boolean' },
  },
  words: ['explain', 'USER', 'PROJECT', 'RULE'],
  async run(input) {
    rootCheck();
    const [verb, user, scope, rule] = input.positionals;
    if (verb !== 'explain' || user === undefined || scope === undefined || rule === undefined)
      throw new UserError(
        'say who, where and what: welkin policy explain USER PROJECT RULE',
        exitCodes.usage,
      );
    const cloud = cloudStartedOrFail(stateDirOf(input));
    const opened = policyOpen(cloud.configuration);
    const explained = await identityUse(cloud, (world) =>
      policyExplain(world, opened, {
        user,
        scope,
        rule,
        userDomain: textOf(input, 'user-domain') ?? 'Default',
        projectDomain: textOf(input, 'project-domain') ?? 'Default',
        target: targetOf(textOf(input, 'target') ?? ''),
      }),
    );
    console.log(
      isSet(input, 'json') ? JSON.stringify(explained, null, 2) : textFor(explained, rule),
    );
    return explained.rule?.allows === true ? exitCodes.ok : exitCodes.failed;
  },
};

function targetOf(text: string): Record<string, string> {
  const pairs = text.split(',').filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new UserError(`--target: ${pair} is not NAME=VALUE`, exitCodes.usage);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function textFor({ user, scope, roles, rule, source }: Explained, name: string): string {
  const lines = [`${user.name} (${user.id}) in ${scope}:`];
  for (const origin of roles) lines.push(`  ${origin.role.padEnd(16)}${originText(origin)}`);
  if (roles.length === 0) lines.push('  no role');
  if (rule === null) {
    lines.push(
      '',
      `${name} is refused: there is no token for ${scope} (no role there, or disabled).`,
    );
    return lines.join('\n');
  }
  lines.push('', `${name} (${source}):`, `  ${rule.text === '' ? '(nothing)' : rule.text}`, '');
  lines.push(...treeText(rule.tree, 1), '');
  if (rule.allows) lines.push(`allowed, because of: ${rule.decided.join(' and ')}`);
  else if (rule.scopeRefusal !== null) lines.push(`refused: ${rule.scopeRefusal}`);
  else lines.push('refused, for want of one of:', ...rule.decided.map((part) => `  ${part}`));
  return lines.join('\n');
}

function originText({ group, inheritedFrom, impliedBy }: RoleOrigin): string {
  const way = [
    group === null ? 'given to the user' : `given to the group ${group}`,
    ...(inheritedFrom === null ? [] : [`inherited from ${inheritedFrom}`]),
  ].join(', ');
  return impliedBy.length === 0 ? way : `implied by ${impliedBy.toReversed().join(' <- ')}, ${way}`;
}

function treeText({ text, holds, why, parts }: PartExplained, depth: number): string[] {
  const line = `${'  '.repeat(depth)}${holds ? '+' : '-'} ${text}${why === '' ? '' : `   (${why})`}`;
  return [line, ...parts.flatMap((part) => treeText(part, depth + 1))];
}
