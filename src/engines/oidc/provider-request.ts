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
    /** The client that asks. */
    readonly basic?: { readonly id: string; readonly secret: string };
  };
  /** An access token of the user whom is asked about. */
  readonly bearer?: string;
}

/** It has answered with one of the errors of RFC 6749. */
export class ProviderRefusal extends OidcUnavailable {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** The JSON object a provider answers. Redirects are not followed: it names its own addresses. */
export async function providerAsk(asked: ProviderRequest): Promise<Record<string, unknown>> {
  const { url } = asked;
  if (!safeUrl.test(url)) throw new OidcUnavailable(`${url} is not an https address`);
  try {
    const { status, text } = await send(asked);
    if (status !== 200) throw refusalOf(url, status, text);
    const value = objectIn(text);
    if (value !== null) return value;
    throw new OidcUnavailable(`${url} did not answer with an object`);
  } catch (error) {
    if (error instanceof OidcUnavailable) throw error;
    const { message } = error as Error;
    const why = error instanceof SyntaxError ? 'did not answer with JSON' : message;
    throw new OidcUnavailable(`${url}: ${why}`, { cause: error });
  }
}

function objectIn(text: string): Record<string, unknown> | null {
  const value: unknown = JSON.parse(text);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : null;
}

/** RFC 6749 section 5.2 where it is one; what else it wrote is not ours to show. */
function refusalOf(url: string, status: number, text: string): OidcUnavailable {
  const message = `${url} answered with status ${status}`;
  if (status !== 400 || !text.startsWith('{')) return new OidcUnavailable(message);
  const code = objectIn(text)?.['error'];
  if (typeof code !== 'string' || !/^[\w.-]{1,64}$/.test(code)) return new OidcUnavailable(message);
  return new ProviderRefusal(`${message} and ${code}`, code);
}

async function send({
  url,
  ca,
  form,
  bearer,
}: ProviderRequest): Promise<{ status: number; text: string }> {
  const body = form === undefined ? null : new URLSearchParams(form.fields).toString();
  const headers = {
    Accept: 'application/json',
    ...(form?.basic !== undefined && { Authorization: basic(form.basic) }),
    ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }),
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
function basic({ id, secret }: { readonly id: string; readonly secret: string }): string {
  const encoded = [id, secret].map((text) => new URLSearchParams({ '': text }).toString().slice(1));
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`;
}
