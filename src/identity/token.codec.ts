import { boxOpen, boxSeal, type SecretKey, type Sealing } from './secret-box.ts';
import { authMethods, type TokenClaims, type TokenScope } from './token.model.ts';

const layoutVersion = 1;
const scopeKinds = ['unscoped', 'project', 'domain', 'system'] as const;

export function tokenEncode(key: SecretKey, claims: TokenClaims, sealing: Sealing): string {
  const { scope, trustId, applicationCredentialId, accessTokenId, assertionId } = claims;
  const methods = claims.methods.reduce(
    (bits, method) => bits | (1 << authMethods.indexOf(method)),
    0,
  );
  const flags =
    scopeKinds.indexOf(scope.kind) |
    (trustId === null ? 0 : 4) |
    (applicationCredentialId === null ? 0 : 8) |
    (claims.auditIds.length << 4) |
    (accessTokenId === null ? 0 : 64) |
    (assertionId === null ? 0 : 128);
  const head = Buffer.alloc(16);
  head.writeUInt8(layoutVersion, 0);
  head.writeUInt8(flags, 1);
  head.writeUInt16BE(methods, 2);
  head.writeUIntBE(claims.issuedAtMs, 4, 6);
  head.writeUIntBE(claims.expiresAtMs, 10, 6);
  const lent = [trustId, applicationCredentialId, accessTokenId, assertionId];
  const ids = [claims.userId, 'id' in scope ? scope.id : null, ...lent];
  const parts = ids.filter((id) => id !== null).map(idEncode);
  const audits = claims.auditIds.map((id) => Buffer.from(id, 'base64url'));
  return boxSeal(key, Buffer.concat([head, ...parts, ...audits]), sealing);
}

/** Null for whatever was not made by one of these keys. */
export function tokenDecode(keys: readonly SecretKey[], text: string): TokenClaims | null {
  if (text.length > 512) return null;
  const bytes = boxOpen(keys, text);
  if (bytes === null || bytes.readUInt8(0) !== layoutVersion) return null;
  const flags = bytes.readUInt8(1);
  const methods = bytes.readUInt16BE(2);
  const kind = scopeKinds[flags & 3] ?? 'unscoped';
  let at = 16;
  const id = (): string => {
    const [value, next] = idDecode(bytes, at);
    at = next;
    return value;
  };
  const userId = id();
  const scope: TokenScope = kind === 'project' || kind === 'domain' ? { kind, id: id() } : { kind };
  const trustId = (flags & 4) === 0 ? null : id();
  const applicationCredentialId = (flags & 8) === 0 ? null : id();
  const accessTokenId = (flags & 64) === 0 ? null : id();
  const assertionId = (flags & 128) === 0 ? null : id();
  const auditIds = Array.from({ length: (flags >> 4) & 3 }, (_, index) =>
    bytes.toString('base64url', at + index * 16, at + index * 16 + 16),
  );
  return {
    methods: authMethods.filter((_, bit) => (methods & (1 << bit)) !== 0),
    userId,
    scope,
    issuedAtMs: bytes.readUIntBE(4, 6),
    expiresAtMs: bytes.readUIntBE(10, 6),
    auditIds,
    trustId,
    applicationCredentialId,
    accessTokenId,
    assertionId,
  };
}

const hexPattern = /^[0-9a-f]+$/;

/** Hex ids, which nearly all are, take half: length byte 0 for 16 bytes, 255 for 32 (ids of directory users). */
function idEncode(id: string): Buffer {
  if (id.length === 32 && hexPattern.test(id)) return Buffer.from(`00${id}`, 'hex');
  if (id.length === 64 && hexPattern.test(id)) return Buffer.from(`ff${id}`, 'hex');
  const text = Buffer.from(id);
  return Buffer.concat([Buffer.from([text.length]), text]);
}

function idDecode(bytes: Buffer, at: number): [id: string, next: number] {
  const length = bytes.readUInt8(at);
  const start = at + 1;
  if (length === 0) return [bytes.toString('hex', start, start + 16), start + 16];
  if (length === 255) return [bytes.toString('hex', start, start + 32), start + 32];
  return [bytes.toString('utf8', start, start + length), start + length];
}
