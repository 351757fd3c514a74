import { globSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cloudUse, type Cloud } from '../../test/support/cloud.ts';
import { referenceRatio, targetRatio, type Bench, type Measure } from './bench.ts';

export interface BenchReport {
  readonly machine: {
    readonly cpus: number;
    readonly cpuModel: string;
    /** Figures of a machine that others use too mean little. */
    readonly loadBefore: number;
  };
  readonly benches: readonly {
    readonly name: string;
    readonly measures: readonly Measure[];
    /** Why there are none; empty when there are. */
    readonly error: string;
  }[];
}

export async function benchesFind(folder: string): Promise<Bench[]> {
  const paths = globSync(`${folder}/*.bench.ts`).toSorted();
  return Promise.all(
    paths.map(async (path) => {
      const { bench } = (await import(pathToFileURL(path).href)) as { bench?: Bench };
      if (bench === undefined) throw new Error(`${basename(path)} exports no bench`);
      return bench;
    }),
  );
}

/** Runs them one after the other, alone. */
export async function benchesRun(
  benches: readonly Bench[],
  print: (line: string) => void,
): Promise<BenchReport> {
  const loadBefore = loadavg()[0] ?? 0;
  let cloud: Promise<Cloud> | null = null;
  const context = { print, cloud: () => (cloud ??= cloudUse()) };
  const done: BenchReport['benches'][number][] = [];
  try {
    for (const bench of benches) {
      print(`${bench.name}: ${bench.about}`);
      try {
        done.push({ name: bench.name, measures: await bench.run(context), error: '' });
      } catch (error) {
        done.push({ name: bench.name, measures: [], error: String(error) });
      }
    }
  } finally {
    // A cloud that did not start has removed itself and said so in the bench that asked for it.
    const used = await (cloud as Promise<Cloud> | null)?.catch(() => null);
    await used?.[Symbol.asyncDispose]();
  }
  const cpuModel = cpus()[0]?.model ?? 'unknown';
  return { machine: { cpus: availableParallelism(), cpuModel, loadBefore }, benches: done };
}

/** One line a figure: what, how much, the target, how it stands to both. */
export function reportText({ machine, benches }: BenchReport): string {
  const rows = [['bench', 'measured', 'target', 'ratio', 'reference']];
  for (const { name, measures, error } of benches) {
    if (error !== '') rows.push([name, 'FAILED', error, '', '']);
    for (const one of measures) rows.push([`${name}: ${one.what}`, ...rowOf(one)]);
  }
  const widths = [0, 1, 2, 3].map((column) =>
    Math.min(60, Math.max(...rows.map((row) => row[column]?.length ?? 0))),
  );
  const table = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const { cpus: count, cpuModel, loadBefore } = machine;
  return [`${count} CPUs, ${cpuModel}, load before ${loadBefore.toFixed(1)}`, '', ...table].join(
    '\n',
  );
}

function rowOf(one: Measure): string[] {
  const { value, unit, target, references } = one;
  const ratio = targetRatio(one);
  return [
    `${number(value)} ${unit}`,
    targetText(target),
    ratio === null ? '' : `${number(ratio)}${ratio >= 1 ? '' : ' MISSED'}`,
    references
      .map(
        (each) =>
          `${number(referenceRatio(one, each))} x ${each.what} (${number(each.value)} ${unit})`,
      )
      .join(', '),
  ];
}

function targetText(target: Measure['target']): string {
  if (target === null) return '';
  return 'atMost' in target
    ? `at most ${number(target.atMost)}`
    : `at least ${number(target.atLeast)}`;
}

/** Three digits are all that a measurement is good for. */
function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toFixed(Math.min(digits, 3));
}
