/** What one test of the host found. */
export interface Finding {
  readonly name: string;
  readonly verdict: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly detail: string;
  /** What a person can do about it; empty when all is well. */
  readonly remedy: string;
}

export const ok = (name: string, detail: string): Finding => ({
  name,
  verdict: 'ok',
  detail,
  remedy: '',
});

export const warning = (name: string, detail: string, remedy: string): Finding => ({
  name,
  verdict: 'warning',
  detail,
  remedy,
});

export const failed = (name: string, detail: string, remedy: string): Finding => ({
  name,
  verdict: 'failed',
  detail,
  remedy,
});

export const skipped = (name: string, detail: string): Finding => ({
  name,
  verdict: 'skipped',
  detail,
  remedy: '',
});

/** A test that throws has failed; what it threw is the detail. */
export async function found(
  name: string,
  remedy: string,
  test: () => Promise<string>,
): Promise<Finding> {
  try {
    return ok(name, await test());
  } catch (error) {
    return failed(name, error instanceof Error ? error.message : String(error), remedy);
  }
}
