/** A place for the bytes of images. Keys are made by the service, are file names of letters, digits, `-` and `.`, and are never used twice. */
export interface ImageStore {
  /** `file`: what the API calls it. */
  readonly id: string;
  readonly type: 'file' | 'swift' | 's3' | 'http';
  readonly description: string;
  /** For the operator, in `/v2/info/stores/detail`; no secret. */
  readonly properties: Readonly<Record<string, string | number | boolean>>;
  /** Where services of the cloud find the bytes; no secret. */
  urlOf(key: string): string;
  write(key: string): Promise<StoreWriter>;
  /** Null: there are no complete bytes under this key. Throws `unavailable` when the store does not answer. */
  sizeOf(key: string): Promise<number | null>;
  /** Chunks are the reader's to keep. Nothing is held open until the first is asked for. */
  read(key: string, offset: number, lengthBytes: number): AsyncIterable<Uint8Array>;
  /** Removes what is there under the key, complete or not. Repeatable. */
  remove(key: string): Promise<void>;
  /** Every key under which there are bytes, complete or not. */
  keys(): AsyncIterable<string>;
}

export interface StoreWriter {
  /** Takes the chunk to where it goes; the caller may use it again afterwards. Throws `too_large` when the store is full. */
  write(chunk: Uint8Array): Promise<void>;
  /** The bytes are complete and survive a power cut when this resolves. */
  finish(): Promise<void>;
  /** Gives up; leaves nothing, as far as it can. */
  abort(): Promise<void>;
}
