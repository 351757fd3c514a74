import type { Directory, DirectoryOpen, DirectoryOptions } from './directory.model.ts';
import { BoundedMap } from './memory.ts';

const freshLimit = 20_000;

/** The directories of a cloud, opened when first asked, and what was read from them lately. */
export class DirectoryRegistry {
  readonly open: DirectoryOpen | null;
  /** By the name of the domain, as the operator's file has them; they come before what a domain says itself. */
  readonly configured: ReadonlyMap<string, DirectoryOptions>;
  /** By domain id; opened again when the options are others. */
  readonly live = new Map<string, { readonly options: string; readonly directory: Directory }>();
  /** Until when something that was read need not be read again. */
  readonly fresh = new BoundedMap<string, number>(freshLimit);

  constructor(open: DirectoryOpen | null, configured: ReadonlyMap<string, DirectoryOptions>) {
    this.open = open;
    this.configured = configured;
  }
}
