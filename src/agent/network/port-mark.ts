import type { PortWanted } from '../api.ts';

/** Ports of this host that guests hold; the others are ours, or elsewhere. */
export const guestPorts = (ports: readonly PortWanted[]): PortWanted[] =>
  ports.filter((port) => port.kind === 'server' && port.location === 'local');

/**
 * The number a port's packets carry through the rules (`meta mark`). It follows from the port's id alone, so a packet
 * that is under way while rules are replaced can never be taken for one of another port.
 */
export function portMarks(ports: readonly PortWanted[]): ReadonlyMap<string, number> {
  const marks = new Map<string, number>();
  const taken = new Set<number>([0]);
  for (const { id } of guestPorts(ports).toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    let mark = Number.parseInt(id.slice(-7), 16);
    while (taken.has(mark)) mark = (mark + 1) % 0x1000_0000;
    taken.add(mark);
    marks.set(id, mark);
  }
  return marks;
}
