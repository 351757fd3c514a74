/** What is the same in every build, so that the same packages give the same image, bit for bit. */

/** 2025-01-01: the time of every file in the image. */
export const imageEpochSec = 1735689600;

/** Of the root file system; also seeds its directory hashes. */
export const rootUuid = '8f2f6c1e-5f0b-4f6e-9a53-7c1d0a4be701';

/** Of the partition table, little endian at offset 440. */
export const diskSignature = 0x77656c6b;

export const sectorBytes = 512;
export const mib = 1 << 20;
