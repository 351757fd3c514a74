/**
 * Read by the C library when a program starts. Left to itself it learns from the first large buffer that is freed to keep
 * such memory for later, for good, in pieces that it cannot give back, and in each thread anew.
 */
type Environment = Readonly<Record<string, string>>;

/** Otherwise each thread that hashes or reads files has one of its own. */
const arenas: Environment = { MALLOC_ARENA_MAX: '2' };

/** The 19 MiB that a password is hashed in come from the system and go back to it. */
export const controlAllocator: Environment = {
  ...arenas,
  MALLOC_MMAP_THRESHOLD_: String(4 << 20),
  /** In pages of 2 MiB where there are some: small ones would make a hash a tenth dearer. */
  GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
};

/** For a program that holds many bodies at a time. */
export const objectAllocator: Environment = {
  ...arenas,
  /** Larger ones come from the system and go back to it. */
  MALLOC_MMAP_THRESHOLD_: String(128 << 10),
  /** What is free at the end goes back when it is more; fewer calls than with the usual 128 KiB. */
  MALLOC_TRIM_THRESHOLD_: String(16 << 20),
  MALLOC_TOP_PAD_: String(1 << 20),
};
