import type { ObjectFacts, PartFacts } from './object.model.ts';

/** A multipart upload under way. */
export interface Upload {
  readonly id: string;
  readonly containerId: number;
  readonly name: string;
  readonly createdUs: number;
  readonly contentType: string;
  /** What the object will have. */
  readonly facts: ObjectFacts;
}

export interface UploadPart {
  readonly number: number;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedUs: number;
  readonly facts: PartFacts;
}
