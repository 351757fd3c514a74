/**
 * For a program that holds many bodies at a time, read by the C library when it starts. Left to itself that learns from
 * the first large buffer that is freed to keep such memory for later, for good, and in pieces that it cannot give back.
 */
export const allocatorEnvironment: Readonly<Record<string, string>> = {
  /** Larger ones come from the system and go back to it. */
  MALLOC_MMAP_THRESHOLD_: String(128 << 10),
  /** What is free at the end goes back when it is more; fewer calls than with the usual 128 KiB. */
  MALLOC_TRIM_THRESHOLD_: String(16 << 20),
  MALLOC_TOP_PAD_: String(1 << 20),
  /** Otherwise each thread that reads files has one of its own. */
  MALLOC_ARENA_MAX: '2',
};
