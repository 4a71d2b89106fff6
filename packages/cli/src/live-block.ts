/** Lines at the bottom of a terminal that are rewritten in place. */

/** No line may be wider than the terminal: it would wrap, and not be found again. */
export class LiveBlock {
  readonly #terminal: { write(text: string): unknown };
  #lines: readonly string[] = [];

  constructor(terminal: { write(text: string): unknown }) {
    this.#terminal = terminal;
  }

  show(lines: readonly string[]): void {
    const erase = this.#erasure();
    this.#lines = lines;
    const text = erase + this.#drawing();
    if (text !== '') this.#terminal.write(text);
  }

  /** Prints something that stays, above the block. */
  above(print: () => void): void {
    if (this.#lines.length === 0) return print();
    this.#terminal.write(this.#erasure());
    print();
    this.#terminal.write(this.#drawing());
  }

  /** Up to the block's first line, and everything from there on is gone. */
  #erasure(): string {
    return this.#lines.length === 0 ? '' : `\u001b[${this.#lines.length}A\r\u001b[J`;
  }

  #drawing(): string {
    return this.#lines.map((line) => `${line}\n`).join('');
  }
}
