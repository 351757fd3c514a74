import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { OidcUnavailable } from '../../identity/oidc.model.ts';
import { safeUrlPattern } from './options.ts';

const timeoutMs = 10_000;
const answerLimitBytes = 1 << 20;
const safeUrl = new RegExp(safeUrlPattern);

export interface ProviderRequest {
  readonly url: string;
  /** PEM; null: those of the system. */
  readonly ca: string | null;
  /** A form to post; without it the document is fetched. */
  readonly form?: {
    readonly fields: Readonly<Record<string, string>>;
    readonly clientId: string;
    readonly clientSecret: string;
  };
}

/** The JSON object a provider answers. Redirects are not followed: it names its own addresses. */
export async function providerAsk(asked: ProviderRequest): Promise<Record<string, unknown>> {
  const { url } = asked;
  if (!safeUrl.test(url)) throw new OidcUnavailable(`${url} is not an https address`);
  try {
    const { status, text } = await send(asked);
    if (status !== 200) throw new OidcUnavailable(`${url} answered with status ${status}`);
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
    throw new OidcUnavailable(`${url} did not answer with an object`);
  } catch (error) {
    if (error instanceof OidcUnavailable) throw error;
    const { message } = error as Error;
    const why = error instanceof SyntaxError ? 'did not answer with JSON' : message;
    throw new OidcUnavailable(`${url}: ${why}`, { cause: error });
  }
}

async function send({ url, ca, form }: ProviderRequest): Promise<{ status: number; text: string }> {
  const body = form === undefined ? null : new URLSearchParams(form.fields).toString();
  const headers = {
    Accept: 'application/json',
    ...(form !== undefined && { Authorization: basic(form.clientId, form.clientSecret) }),
    ...(body !== null && { 'Content-Type': 'application/x-www-form-urlencoded' }),
  };
  const open = url.startsWith('https:') ? httpsRequest : httpRequest;
  const request = open(url, {
    method: body === null ? 'GET' : 'POST',
    headers,
    signal: AbortSignal.timeout(timeoutMs),
    ...(ca !== null && { ca }),
  });
  try {
    request.end(body ?? undefined);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    // Whatever goes wrong from here on is found out by reading.
    request.on('error', () => {});
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > answerLimitBytes) throw new Error('the answer is too long');
      chunks.push(chunk);
    }
    return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
  } finally {
    request.destroy();
  }
}

/** RFC 6749 section 2.3.1: both are form-encoded first. */
function basic(id: string, secret: string): string {
  const encoded = [id, secret].map((text) => new URLSearchParams({ '': text }).toString().slice(1));
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`;
}
