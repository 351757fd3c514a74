import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';

const IdOrName = Type.Object({
  id: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
});

const ProjectScope = Type.Object({
  id: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  domain: Type.Optional(IdOrName),
});

const ScopeBody = Type.Object({
  project: Type.Optional(ProjectScope),
  domain: Type.Optional(IdOrName),
  system: Type.Optional(Type.Object({ all: Type.Optional(Type.Boolean()) })),
  unscoped: Type.Optional(Type.Unknown()),
  'OS-TRUST:trust': Type.Optional(Type.Object({ id: Type.Optional(Type.String()) })),
});
export type ScopeWanted = Static<typeof ScopeBody>;

const AuthUser = Type.Object({
  id: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  domain: Type.Optional(IdOrName),
});

export const AuthBody = Type.Object({
  auth: Type.Object({
    identity: Type.Object({
      methods: Type.Array(Type.String()),
      password: Type.Optional(
        Type.Object({
          user: Type.Optional(
            Type.Intersect([AuthUser, Type.Object({ password: Type.Optional(Type.String()) })]),
          ),
        }),
      ),
      token: Type.Optional(Type.Object({ id: Type.String() })),
      totp: Type.Optional(
        Type.Object({
          user: Type.Intersect([
            AuthUser,
            Type.Object({ passcode: Type.String({ maxLength: 64 }) }),
          ]),
        }),
      ),
      oauth1: Type.Optional(Type.Object({})),
      application_credential: Type.Optional(
        Type.Object({
          id: Type.Optional(Type.String()),
          name: Type.Optional(Type.String()),
          secret: Type.String(),
          user: Type.Optional(AuthUser),
        }),
      ),
    }),
    // Some clients say "unscoped", older ones {"unscoped": {}}.
    scope: Type.Optional(Type.Union([Type.String(), ScopeBody])),
  }),
});
export type AuthWanted = Static<typeof AuthBody>['auth'];

const Named = Type.Object({ id: Type.String(), name: Type.String() });
const NamedInDomain = Type.Object({ id: Type.String(), name: Type.String(), domain: Named });

export const CatalogReplyEntry = Type.Object({
  id: Type.String(),
  type: Type.String(),
  name: Type.String(),
  endpoints: Type.Array(
    Type.Object({
      id: Type.String(),
      interface: Type.String(),
      region: Type.Union([Type.String(), Type.Null()]),
      region_id: Type.Union([Type.String(), Type.Null()]),
      url: Type.String(),
    }),
  ),
});

export const TokenReply = Type.Object({
  token: Type.Object(
    {
      methods: Type.Array(Type.String()),
      user: Type.Object({
        id: Type.String(),
        name: Type.String(),
        domain: Named,
        password_expires_at: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        'OS-FEDERATION': Type.Optional(
          Type.Object({
            groups: Type.Array(Type.Object({ id: Type.String() })),
            identity_provider: Type.Object({ id: Type.String() }),
            protocol: Type.Object({ id: Type.String() }),
          }),
        ),
      }),
      audit_ids: Type.Array(Type.String()),
      expires_at: Type.String(),
      issued_at: Type.String(),
      project: Type.Optional(NamedInDomain),
      is_domain: Type.Optional(Type.Boolean()),
      domain: Type.Optional(Named),
      system: Type.Optional(Type.Object({ all: Type.Literal(true) })),
      roles: Type.Optional(Type.Array(Named)),
      catalog: Type.Optional(Type.Array(CatalogReplyEntry)),
    },
    { additionalProperties: true },
  ),
});

/** More is asked for by the rules of the user; what was proved so far need not be proved again. */
export const ReceiptReply = Type.Object({
  receipt: Type.Object({
    methods: Type.Array(Type.String()),
    user: NamedInDomain,
    issued_at: Type.String(),
    expires_at: Type.String(),
  }),
  required_auth_methods: Type.Array(Type.Array(Type.String())),
});
