/** The agent inside the guest, reached through a serial port: JSON lines, and nobody says whether it is there. */
import { randomInt } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { conflict } from '../../kernel/errors.ts';

const answerLimitMs = 10_000;
const syncAgainMs = 1000;
const answerCharsMax = 1 << 20;

/** Throws `conflict` when nobody answers in the guest. */
export async function guestCommand(
  socketPath: string,
  command: string,
  args: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const socket = connect(socketPath);
  const lines = new LineReader(socket);
  try {
    const syncId = randomInt(1, 2 ** 31);
    const deadline = performance.now() + answerLimitMs;
    for (;;) {
      // What is sent while the guest has its end closed is lost: ask until it answers.
      send(socket, 'guest-sync', { id: syncId });
      const answer = await lines.next((one) => one['return'] === syncId, syncAgainMs);
      if (answer !== null) break;
      if (lines.isClosed || performance.now() > deadline)
        throw conflict('The guest has no agent that answers.');
    }
    send(socket, command, args);
    const isAnswer = (one: Answer): boolean =>
      'error' in one || ('return' in one && one['return'] !== syncId);
    const answer = await lines.next(isAnswer, answerLimitMs);
    if (answer === null) throw conflict(`The agent of the guest does not answer to ${command}.`);
    if ('error' in answer) throw conflict(`The agent of the guest refuses ${command}.`);
    return answer['return'];
  } finally {
    socket.destroy();
  }
}

type Answer = Readonly<Record<string, unknown>>;

const send = (socket: Socket, execute: string, args: object): void =>
  void socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);

class LineReader {
  readonly #answers: Answer[] = [];
  #rest = '';
  isClosed = false;
  #wake = (): void => {};

  constructor(socket: Socket) {
    socket.setEncoding('utf8').on('data', (text: string) => this.#receive(text));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** The first answer that matches; null when none comes in time. */
  async next(match: (answer: Answer) => boolean, limitMs: number): Promise<Answer | null> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      for (
        let answer = this.#answers.shift();
        answer !== undefined;
        answer = this.#answers.shift()
      ) {
        if (match(answer)) return answer;
      }
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || this.isClosed) return null;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => (clearTimeout(timer), resolve());
      });
    }
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = (lines.pop() ?? '').slice(-answerCharsMax);
    for (const line of lines) {
      try {
        this.#answers.push(JSON.parse(line.replace(/^\xff/, '')) as Answer);
      } catch {
        // A guest may write anything to its port.
      }
    }
    this.#wake();
  }
}
