import { footerBytes, formatsDetect, type Detected } from './format-detect.ts';
import { formatRefused, type FormatSource } from './format-source.ts';
import { qcow2Check, qcow2Header } from './qcow2.ts';
import { vdiCheck, vhdCheck, vhdxCheck } from './virtual-disks.ts';
import { vmdkCheck } from './vmdk.ts';

/** What the owner says the bytes are. */
export interface Claim {
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
}

export interface Verdict {
  /** Null: the format does not tell, or is not looked into. */
  readonly virtualSizeBytes: number | null;
}

const headBytes = 34 << 10;

/** Claims that must be met by what the bytes say of themselves. Bytes that say nothing are raw. */
const recognisable: ReadonlySet<string> = new Set(['qcow2', 'vmdk', 'vhd', 'vhdx', 'vdi', 'iso']);

/** Contents with which a raw disk may begin: they are read by the guest, never by a host. */
const innocentInRaw: ReadonlySet<Detected> = new Set(['iso', 'luks']);

/** Refuses by the first bytes what need not be received to the end. */
export function formatRefuse(claim: Claim, head: Buffer): void {
  const detected = detectedOne(claim, formatsDetect(head, Buffer.alloc(0)));
  // A fixed VHD shows itself at its end only.
  if (claim.diskFormat !== 'vhd' && head.length >= headBytes) claimCheck(claim, detected);
  if (detected === 'qcow2') qcow2Header(head);
}

/** The last word before an image becomes active. */
export async function formatJudge(claim: Claim, source: FormatSource): Promise<Verdict> {
  const head = await source.read(0, Math.min(headBytes, source.sizeBytes));
  const tailAt = Math.max(0, source.sizeBytes - footerBytes);
  const tail = await source.read(tailAt, source.sizeBytes - tailAt);
  const detected = detectedOne(claim, formatsDetect(head, tail));
  claimCheck(claim, detected);
  const virtualSizeBytes = await safetyCheck(detected, source);
  if (claim.containerFormat !== 'bare') return { virtualSizeBytes: null };
  const isFlat = claim.diskFormat === 'raw' || claim.diskFormat === 'iso';
  return { virtualSizeBytes: isFlat ? source.sizeBytes : virtualSizeBytes };
}

/** A file that is two things at once is read as one by us and as the other by somebody else. */
function detectedOne({ diskFormat }: Claim, detected: readonly Detected[]): Detected | null {
  const [first, second] = detected.filter((one) => diskFormat !== 'raw' || !innocentInRaw.has(one));
  if (second !== undefined) {
    throw formatRefused(`The image is ambiguous: its content is ${first} and ${second} at once.`);
  }
  return first ?? null;
}

function claimCheck({ diskFormat, containerFormat }: Claim, detected: Detected | null): void {
  // Archives and the like hold disks; what they are themselves is not told by disk_format.
  if (containerFormat !== 'bare' || diskFormat === detected) return;
  if (detected === null && !recognisable.has(diskFormat ?? '')) return;
  throw formatRefused(
    `Image disk_format ${diskFormat} does not match stream data ${detected ?? 'raw'}`,
  );
}

async function safetyCheck(
  detected: Detected | null,
  source: FormatSource,
): Promise<number | null> {
  switch (detected) {
    case 'qcow2':
      return qcow2Check(source);
    case 'vmdk':
      return vmdkCheck(source);
    case 'vhd':
      return vhdCheck(source);
    case 'vhdx':
      return vhdxCheck(source);
    case 'vdi':
      return vdiCheck(source);
    case 'qcow':
    case 'qed':
      throw formatRefused(`Images of the format ${detected} are not supported.`);
    case 'luks':
    case 'ploop':
    case 'iso':
    case null:
      return null;
  }
}
