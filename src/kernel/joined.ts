/**
 * One answer for all who ask in the same turn of the event loop, for what is dear and the same for everybody. The work
 * begins after the last of them asked, so nobody is told what was true before his question.
 */
export class Joined<Value> {
  readonly #asked = new Map<string, Promise<Value>>();

  ask(key: string, work: () => Promise<Value>): Promise<Value> {
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const answer = new Promise((resolve) => setImmediate(resolve)).then(() => {
      this.#asked.delete(key);
      return work();
    });
    this.#asked.set(key, answer);
    return answer;
  }
}
