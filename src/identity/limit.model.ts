/** What a resource of a service is limited to wherever a project says nothing; -1 is no limit. */
export interface RegisteredLimit {
  readonly id: string;
  readonly serviceId: string;
  /** Null: every region. */
  readonly regionId: string | null;
  readonly resourceName: string;
  readonly defaultLimit: number;
  readonly description: string | null;
}

/** Another limit for one project or domain. */
export interface Limit {
  readonly id: string;
  readonly registeredLimitId: string;
  readonly serviceId: string;
  readonly regionId: string | null;
  readonly resourceName: string;
  /** A domain is a project too. */
  readonly projectId: string;
  readonly isDomain: boolean;
  readonly resourceLimit: number;
  readonly description: string | null;
}

export type LimitModel = 'flat' | 'strict_two_level';

export const limitModels: Readonly<Record<LimitModel, string>> = {
  flat: 'Limit enforcement and validation does not take project hierarchy into consideration.',
  strict_two_level: 'This model requires project hierarchy never exceeds a depth of two',
};
