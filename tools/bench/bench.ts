import type { Cloud } from '../../test/support/cloud.ts';

/** One figure. */
export interface Measure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What it is held against; null: told for information. */
  readonly target: { readonly atMost: number } | { readonly atLeast: number } | null;
  /** The same work done by something else on this machine in the same minutes, such as a QEMU started by hand. */
  readonly references: readonly Reference[];
}

export interface Reference {
  readonly what: string;
  readonly value: number;
}

export interface BenchContext {
  /** A cloud of its own, started when it is first asked for and shared by all benches of a run. */
  readonly cloud: () => Promise<Cloud>;
  readonly print: (line: string) => void;
}

/** A file `*.bench.ts` in this folder exports one of these as `bench`. */
export interface Bench {
  readonly name: string;
  readonly about: string;
  readonly run: (context: BenchContext) => Promise<readonly Measure[]>;
}

export const measure = (
  what: string,
  value: number,
  unit: string,
  against: Partial<Pick<Measure, 'target' | 'references'>> = {},
): Measure => ({ what, value, unit, target: null, references: [], ...against });

/** How the figure stands to its target: 1 is just met, 2 is twice as good. Null without a target. */
export function targetRatio({ value, target }: Measure): number | null {
  if (target === null) return null;
  return 'atMost' in target ? target.atMost / value : value / target.atLeast;
}

/** The figure as a multiple of one of its references. */
export const referenceRatio = ({ value }: Measure, reference: Reference): number =>
  value / reference.value;
