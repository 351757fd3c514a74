/**
 * Names with bytes above 0x7F in the request line, which curl and others send as they are typed, and which the parser of
 * HTTP refuses. RFC 9112 (section 3.2) leaves it to the server to make sense of them: they are percent-encoded, as the
 * client should have done, and the connection is read again from there. Only such a client pays for it.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

export interface ParserFault extends Error {
  readonly code?: string;
  /** What was being read, and how far the parser came in it. */
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

/**
 * What the client meant; null: something else is wrong. The parser must have stopped at the first byte above 0x7F of a
 * request line that begins the packet and ends in it: then nothing before it was read as part of anything else.
 */
export function requestLineRepair({ code, rawPacket, bytesParsed }: ParserFault): Buffer | null {
  if (code !== 'HPE_INVALID_URL' || rawPacket === undefined) return null;
  const end = rawPacket.indexOf('\r\n');
  const bad = rawPacket.findIndex((byte) => byte > 0x7f);
  if (bad < 0 || bad !== bytesParsed || bad > end) return null;
  const line = rawPacket.toString('latin1', 0, end);
  if (!/^(?:GET|HEAD|PUT|POST|DELETE|COPY|OPTIONS) \/[!-~\x80-\xff]* HTTP\/1\.[01]$/.test(line)) {
    return null;
  }
  const quoted = line.replaceAll(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return Buffer.concat([Buffer.from(quoted, 'latin1'), rawPacket.subarray(end)]);
}

/** Gives the connection to the server once more, with these bytes in place of those it stumbled over. */
export function connectionReplay(server: Server, stumbled: Duplex, head: Buffer): void {
  const socket = stumbled instanceof Replayed ? stumbled.release() : (stumbled as Socket);
  // The parser that failed has no further use for what comes.
  for (const event of ['data', 'end', 'drain', 'timeout']) socket.removeAllListeners(event);
  server.emit('connection', new Replayed(socket, head));
}

class Replayed extends Duplex {
  readonly remoteAddress: string | undefined;
  readonly #socket: Socket;
  #isReleased = false;

  constructor(socket: Socket, head: Buffer) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.remoteAddress = socket.remoteAddress;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.once('end', () => this.push(null));
    socket.once('close', () => this.destroy());
    socket.on('timeout', () => this.emit('timeout'));
    this.push(head);
  }

  /** Ends this and leaves the connection as it is. */
  release(): Socket {
    this.#isReleased = true;
    this.destroy();
    return this.#socket;
  }

  /** As a socket's: requests and responses set it. */
  readonly setTimeout = (ms: number, stalled?: () => void): this => {
    this.#socket.setTimeout(ms);
    if (stalled !== undefined) this.once('timeout', stalled);
    return this;
  };

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Uint8Array, _: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    if (this.#isReleased) done();
    else this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#isReleased) this.#socket.destroy();
    done(error);
  }
}
