/** Does what is asked for one key one after another, and for different keys at once. */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  do<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(work, work);
    this.#last.set(key, turn);
    const tidy = () => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    };
    turn.then(tidy, tidy);
    return turn;
  }
}
