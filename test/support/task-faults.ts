/**
 * Makes tasks fail where they can: each step before its effect and after it, and a process that dies between the effect
 * and its record. Every undo is run twice, and on request every step too: both must be repeatable.
 */
import type { TaskKind } from '../../src/kernel/task.ts';

export interface Fault {
  readonly step: string;
  readonly when: 'before' | 'after';
  /** `failure`: the task is undone. `crash`: the process is gone, the next one goes on. */
  readonly how: 'failure' | 'crash';
}

// oxlint-disable-next-line typescript/no-explicit-any -- faults are the same for every kind
type AnyKind<World> = TaskKind<World, any>;

/** Every fault that a task of this kind can meet. */
export const faultsOf = <World>({ steps }: AnyKind<World>): Fault[] =>
  steps.flatMap(({ name: step }) =>
    (['failure', 'crash'] as const).flatMap((how) =>
      (['before', 'after'] as const).map((when) => ({ step, when, how })),
    ),
  );

export const faultText = ({ step, when, how }: Fault): string =>
  how === 'failure' ? `fails ${when} '${step}'` : `dies ${when} '${step}'`;

/** The kind with this fault in it, once. `crash` must make the runner lose its lease. */
export function kindFaulty<World>(
  kind: AnyKind<World>,
  fault: Fault | null,
  crash: () => void,
): AnyKind<World> {
  let isDue = true;
  const meet = (step: string, when: Fault['when']): void => {
    if (!isDue || fault === null || fault.step !== step || fault.when !== when) return;
    isDue = false;
    if (fault.how === 'crash') crash();
    throw new Error(`injected ${when} ${step}`);
  };
  return {
    ...kind,
    steps: kind.steps.map((step) => ({
      name: step.name,
      async run(act) {
        meet(step.name, 'before');
        await step.run(act);
        meet(step.name, 'after');
      },
      async undo(act) {
        await step.undo?.(act);
        await step.undo?.(act);
      },
    })),
    async failed(act, error) {
      await kind.failed?.(act, error);
      await kind.failed?.(act, error);
    },
  };
}

/** Each step twice in a row: what a crash after the effect leads to, at every step at once. */
export const kindTwice = <World>(kind: AnyKind<World>): AnyKind<World> => ({
  ...kind,
  steps: kind.steps.map((step) => ({
    ...step,
    async run(act) {
      await step.run(act);
      await step.run(act);
    },
  })),
});
