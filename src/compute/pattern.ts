/**
 * Regular expressions that clients send to filter lists. Run by stepping all possibilities side by side, so that no
 * pattern can take longer than its length times the text's: a backtracking engine could be kept busy for hours.
 */
export type Pattern = (text: string) => boolean;

type Test = (char: string) => boolean;
type Node =
  | { readonly kind: 'one'; readonly test: Test }
  | { readonly kind: 'start' | 'end' | 'nothing' }
  | { readonly kind: 'all' | 'any'; readonly of: readonly Node[] }
  | { readonly kind: 'repeat'; readonly of: Node; readonly min: number; readonly max: number };
type Step =
  | { readonly kind: 'one'; readonly test: Test }
  | { readonly kind: 'start' | 'end' | 'match' }
  | { readonly kind: 'jump'; readonly to: number[] };

const patternMax = 255;
const stepsMax = 2_000;

/** Found anywhere in the text, upper or lower case. Null: not a pattern that can be read. */
export function patternParse(source: string): Pattern | null {
  if (source.length > patternMax) return null;
  const steps: Step[] = [];
  try {
    compile(new Parser(source.toLowerCase()).parse(), steps, { left: stepsMax });
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  steps.push({ kind: 'match' });
  return (text) => found(steps, text.toLowerCase());
}

function found(steps: readonly Step[], text: string): boolean {
  let at = new Set<number>();
  for (let position = 0; position <= text.length; position++) {
    follow(steps, at, 0, position, text);
    if (at.has(steps.length - 1)) return true;
    const next = new Set<number>();
    const char = text[position];
    if (char === undefined) return false;
    for (const index of at) {
      const step = steps[index];
      if (step?.kind === 'one' && step.test(char)) {
        follow(steps, next, index + 1, position + 1, text);
      }
    }
    if (next.has(steps.length - 1)) return true;
    at = next;
  }
  return false;
}

/** Adds a step and whatever can be reached from it without reading. */
function follow(
  steps: readonly Step[],
  into: Set<number>,
  first: number,
  position: number,
  text: string,
): void {
  const open = [first];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (into.has(index)) continue;
    into.add(index);
    const step = steps[index];
    if (step?.kind === 'jump') open.push(...step.to);
    if (step?.kind === 'start' && position === 0) open.push(index + 1);
    if (step?.kind === 'end' && position === text.length) open.push(index + 1);
  }
}

function compile(node: Node, steps: Step[], budget: { left: number }): void {
  // Repeating nothing makes no steps, yet takes its time.
  if (--budget.left < 0) throw new SyntaxError('the pattern is too large');
  switch (node.kind) {
    case 'nothing':
      return;
    case 'one':
      steps.push(node);
      return;
    case 'start':
    case 'end':
      steps.push({ kind: node.kind });
      return;
    case 'all':
      for (const part of node.of) compile(part, steps, budget);
      return;
    case 'any': {
      const choice: number[] = [];
      const ends: number[] = [];
      steps.push({ kind: 'jump', to: choice });
      for (const part of node.of) {
        choice.push(steps.length);
        compile(part, steps, budget);
        steps.push({ kind: 'jump', to: ends });
      }
      ends.push(steps.length);
      return;
    }
    case 'repeat': {
      for (let i = 0; i < node.min; i++) compile(node.of, steps, budget);
      if (node.max === Infinity) {
        const choice = [steps.length + 1];
        const again = steps.length;
        steps.push({ kind: 'jump', to: choice });
        compile(node.of, steps, budget);
        steps.push({ kind: 'jump', to: [again] });
        choice.push(steps.length);
        return;
      }
      const ends: number[] = [];
      for (let i = node.min; i < node.max; i++) {
        steps.push({ kind: 'jump', to: [steps.length + 1, -1] });
        ends.push(steps.length - 1);
        compile(node.of, steps, budget);
      }
      for (const index of ends) (steps[index] as { to: number[] }).to[1] = steps.length;
    }
  }
}

const classes: Readonly<Record<string, Test>> = {
  d: (char) => /\d/.test(char),
  w: (char) => /\w/.test(char),
  s: (char) => /\s/.test(char),
};
const controls: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Node {
    const node = this.#either();
    if (this.#at < this.#text.length) throw new SyntaxError('a parenthesis too many');
    return node;
  }

  #either(): Node {
    const of = [this.#sequence()];
    while (this.#take('|')) of.push(this.#sequence());
    return of.length === 1 ? (of[0] as Node) : { kind: 'any', of };
  }

  #sequence(): Node {
    const of: Node[] = [];
    for (let next = this.#text[this.#at]; next !== undefined && next !== '|' && next !== ')';) {
      of.push(this.#repeated(this.#atom()));
      next = this.#text[this.#at];
    }
    return { kind: 'all', of };
  }

  #repeated(node: Node): Node {
    for (let of = node; ;) {
      const count = this.#count();
      if (count === null) return of;
      // Lazy or greedy finds the same.
      this.#take('?');
      of = { kind: 'repeat', of, ...count };
    }
  }

  #count(): { min: number; max: number } | null {
    if (this.#take('*')) return { min: 0, max: Infinity };
    if (this.#take('+')) return { min: 1, max: Infinity };
    if (this.#take('?')) return { min: 0, max: 1 };
    const braces = /^\{(\d{1,3})(,(\d{1,3})?)?\}/.exec(this.#text.slice(this.#at));
    if (braces === null) return null;
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    const max = braces[2] === undefined ? min : Number(braces[3] ?? Infinity);
    if (max < min) throw new SyntaxError('a range that is upside down');
    return { min, max };
  }

  #atom(): Node {
    const char = this.#text[this.#at++] ?? '';
    switch (char) {
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '.':
        return { kind: 'one', test: () => true };
      case '[':
        return { kind: 'one', test: this.#set() };
      case '\\':
        return { kind: 'one', test: this.#escaped() };
      case '(': {
        if (this.#take('?') && !this.#take(':')) throw new SyntaxError('unknown group');
        const inner = this.#either();
        if (!this.#take(')')) throw new SyntaxError('a parenthesis is not closed');
        return inner;
      }
      case '*':
      case '+':
      case '?':
        throw new SyntaxError('nothing to repeat');
      default:
        return { kind: 'one', test: (one) => one === char };
    }
  }

  #escaped(): Test {
    const char = this.#text[this.#at++];
    if (char === undefined || /[1-9]/.test(char)) throw new SyntaxError('unknown escape');
    const literal = controls[char] ?? char;
    return classes[char] ?? ((one) => one === literal);
  }

  #set(): Test {
    const isNegated = this.#take('^');
    const tests: Test[] = [];
    for (let isFirst = true; isFirst || this.#text[this.#at] !== ']'; isFirst = false) {
      const from = this.#text[this.#at++];
      if (from === undefined) throw new SyntaxError('a bracket is not closed');
      if (from === '\\') {
        tests.push(this.#escaped());
        continue;
      }
      const range = /^-([^\]])/.exec(this.#text.slice(this.#at, this.#at + 2));
      const to = range?.[1] ?? from;
      if (range !== null) this.#at += 2;
      if (to < from) throw new SyntaxError('a range that is upside down');
      tests.push((one) => from <= one && one <= to);
    }
    this.#at++;
    return (one) => tests.some((test) => test(one)) !== isNegated;
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}
