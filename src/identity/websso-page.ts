import { createHash } from 'node:crypto';
import type { Reply } from '../kernel/http/endpoint.ts';

const script = "document.forms['sso'].submit();";
const scriptHash = createHash('sha256').update(script).digest('base64');

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escape = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? letter);

/**
 * The page that posts a token to a dashboard, which expects it as `token`. Its only script is the one below, its form goes
 * nowhere else, and no address that it was found at is told to anybody.
 */
export function tokenPage(
  { origin, token }: { readonly origin: string; readonly token: string },
  cookie: string,
): Reply {
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${scriptHash}'`,
    `form-action ${new URL(origin).origin}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    status: 200,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': policy.join('; '),
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'no-store',
      'Set-Cookie': cookie,
    },
    bytes: `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Logging in</title></head>
<body>
<form id="sso" name="sso" action="${escape(origin)}" method="post">
<input type="hidden" name="token" value="${escape(token)}">
<noscript><input type="submit" value="Continue to the dashboard"></noscript>
</form>
<script>${script}</script>
</body>
</html>
`,
  };
}
