import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../../kernel/clock.ts';
import { Failure, invalid } from '../../kernel/errors.ts';
import { addressResolve, uriParse, type Address, type DownloadRules } from './address-guard.ts';

const redirectLimit = 5;

export interface WebFetch {
  readonly rules: DownloadRules;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** Asks for a part; a server may send the whole all the same. */
  readonly range?: string;
  readonly lookup?: (name: string) => Promise<readonly Address[]>;
}

export interface WebBytes {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Of what is sent. */
  readonly sizeBytes: number | null;
  /** Of what there is. */
  readonly totalBytes: number | null;
  readonly isPartial: boolean;
  discard(): void;
}

const failed = (what: string, cause?: unknown): Failure =>
  invalid(`The image could not be downloaded: ${what}`, { cause });

/**
 * What stands at an address of the web. Each hop is checked anew: its address is resolved once, held against the rules,
 * and is the one that is connected to. Headers (a token) go to the first host only.
 */
export async function webFetch(text: string, options: WebFetch): Promise<WebBytes> {
  let uri = uriParse(text, options.rules);
  const { origin } = uri;
  for (let hops = 0; hops <= redirectLimit; hops++) {
    const headers = {
      ...(uri.origin === origin && options.headers),
      ...(options.range !== undefined && { Range: options.range }),
    };
    const answer = await answerGet(uri, headers, options);
    const { statusCode = 0, headers: got } = answer;
    const isPartial = statusCode === 206 && options.range !== undefined;
    if (statusCode === 200 || isPartial) {
      const sizeBytes = numberOf(got['content-length']);
      const total = /\/(\d+)$/.exec(got['content-range'] ?? '')?.[1];
      const totalBytes = isPartial ? numberOf(total) : sizeBytes;
      const discard = (): void => void answer.destroy();
      return { sizeBytes, totalBytes, isPartial, discard, bytes: bodyOf(answer, options) };
    }
    answer.destroy();
    if (![301, 302, 303, 307, 308].includes(statusCode) || got.location === undefined) {
      throw failed(`${uri.host} answered ${statusCode}`);
    }
    if (!URL.canParse(got.location, uri)) throw failed(`${uri.host} redirects to no address`);
    uri = uriParse(new URL(got.location, uri).href, options.rules);
  }
  throw failed(`more than ${redirectLimit} redirects`);
}

const numberOf = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;

async function answerGet(
  uri: URL,
  headers: Readonly<Record<string, string>>,
  { rules, signal, lookup }: WebFetch,
): Promise<IncomingMessage> {
  let address: Address;
  try {
    address = await addressResolve(uri, rules, lookup);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw failed(`${uri.hostname} has no address`, error);
  }
  const open = uri.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = open(uri, {
      headers: { 'User-Agent': 'welkin', 'Accept-Encoding': 'identity', ...headers },
      agent: false,
      signal,
      timeout: rules.stallMs,
      // Whatever the name means by now, this is the address that was checked.
      lookup: (_name, options, done) => {
        if (options.all === true) done(null, [address]);
        else done(null, address.address, address.family);
      },
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (cause) => reject(failed(`${uri.host} does not answer`, cause)));
    request.on('response', resolve);
    request.end();
  });
}

/** Ends with an error where the bytes end too early or take too long. */
async function* bodyOf(
  answer: IncomingMessage,
  { rules, clock, signal }: WebFetch,
): AsyncIterable<Uint8Array> {
  const done = new AbortController();
  const late = clock.sleep(rules.limitMs, AbortSignal.any([done.signal, signal])).then(() => {
    if (!done.signal.aborted) answer.destroy(new Error('it took too long'));
  });
  try {
    for await (const chunk of answer) yield chunk as Uint8Array;
    if (!answer.complete) throw new Error('the bytes ended too early');
  } catch (cause) {
    throw failed(cause instanceof Error ? cause.message : 'the connection broke', cause);
  } finally {
    done.abort();
    await late;
  }
}
