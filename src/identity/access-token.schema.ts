import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';

const Texts = Type.Record(
  Type.String(),
  Type.Union([Type.String(), Type.Number(), Type.Boolean()]),
);

/** Which of these are needed depends on the signature; what is missing is an unsigned request. */
const Signed = Type.Object(
  {
    access: Type.Optional(Type.String({ maxLength: 1024 })),
    signature: Type.Optional(Type.String()),
    host: Type.Optional(Type.String()),
    verb: Type.Optional(Type.String()),
    path: Type.Optional(Type.String()),
    params: Type.Optional(Texts),
    headers: Type.Optional(Texts),
    body_hash: Type.Optional(Type.String()),
    /** S3: the text that was signed, in base64url. */
    token: Type.Optional(Type.String()),
  },
  { additionalProperties: true },
);
export type SignedWanted = Static<typeof Signed>;

/** Three names of one thing: clients were never told which. */
export const SignedBody = Type.Object(
  {
    credentials: Type.Optional(Signed),
    credential: Type.Optional(Signed),
    ec2Credentials: Type.Optional(Signed),
  },
  { additionalProperties: true },
);
export type SignedBodyWanted = Static<typeof SignedBody>;
