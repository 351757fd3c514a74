import { conflict, forbidden } from '../kernel/errors.ts';
import type { Image } from './image.model.ts';
import type { ImageContext } from './image.world.ts';
import { propertyActs, type PropertyAct, type Protection } from './property-protection.model.ts';

/**
 * Glance's file of property protections, by roles: sections are patterns of names, each says who may `create`, `read`,
 * `update` and `delete`: roles by commas, `@` for everybody, `!` for nobody.
 */
export function protectionsParse(text: string): Protection[] {
  const sections: { names: RegExp; rules: Map<string, readonly string[]> }[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const [, header] = /^\[(.+)\]$/.exec(line) ?? [];
    const [, name, value] = /^(\w+)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    if (header !== undefined)
      sections.push({ names: new RegExp(`^(?:${header})`), rules: new Map() });
    else if (name !== undefined && sections.length > 0) {
      const roles = (value ?? '').split(',').map((role) => role.trim().toLowerCase());
      sections.at(-1)?.rules.set(name, roles.filter(Boolean));
    } else throw new Error(`property protections, line ${index + 1}: cannot read "${line}"`);
  }
  return sections.map(({ names, rules }) => {
    const missing = propertyActs.find((act) => !rules.has(act));
    if (missing !== undefined) {
      throw new Error(`property protections: ${names.source} does not say who may ${missing}`);
    }
    const of = (act: PropertyAct): readonly string[] => rules.get(act) ?? [];
    return {
      names,
      create: of('create'),
      read: of('read'),
      update: of('update'),
      delete: of('delete'),
    };
  });
}

type Asker = Pick<ImageContext, 'world' | 'actor'>;

function isAllowed({ world, actor }: Asker, name: string, act: PropertyAct): boolean {
  const { protections } = world.settings;
  if (protections === null) return true;
  // As Glance: what no rule names is nobody's.
  const roles = protections.find(({ names }) => names.test(name))?.[act] ?? ['!'];
  if (roles.includes('!')) return false;
  return roles.includes('@') || actor.roles.some((role) => roles.includes(role.toLowerCase()));
}

/** The image without the properties that the asker may not see. */
export function propertiesSeen(asker: Asker, image: Image): Image {
  if (asker.world.settings.protections === null) return image;
  const properties = Object.entries(image.properties).filter(([name]) =>
    isAllowed(asker, name, 'read'),
  );
  return { ...image, properties: Object.fromEntries(properties) };
}

/** What the asker sees changes as they want it; what they do not see stays. */
export function propertiesChanged(
  asker: Asker,
  before: Image['properties'],
  wanted: Image['properties'],
): Image['properties'] {
  if (asker.world.settings.protections === null) return wanted;
  const hidden = Object.entries(before).filter(([name]) => !isAllowed(asker, name, 'read'));
  for (const [name] of hidden) {
    if (Object.hasOwn(wanted, name)) throw conflict(`Property ${name} does not exist.`);
  }
  const seen = new Map(Object.entries(before).filter(([name]) => isAllowed(asker, name, 'read')));
  const require = (name: string, act: PropertyAct): void => {
    if (!isAllowed(asker, name, act)) throw forbidden(`Attribute '${name}' is reserved.`);
  };
  for (const [name, value] of Object.entries(wanted)) {
    if (!seen.has(name)) require(name, 'create');
    else if (seen.get(name) !== value) require(name, 'update');
  }
  for (const name of seen.keys()) if (!Object.hasOwn(wanted, name)) require(name, 'delete');
  return { ...wanted, ...Object.fromEntries(hidden) };
}
