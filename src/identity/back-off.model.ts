/** An address from which log-ins failed. */
export interface Suspect {
  failures: number;
  failedAtMs: number;
  waiting: number;
}
