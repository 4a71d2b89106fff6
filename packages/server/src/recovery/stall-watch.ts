/** Notices a recognizer that owes an answer and gives none. */

/** Shorter noises need no answer. */
const shortestSpeechMs = 250;
/** For answers that already lie in the socket when the time is up. */
const graceMs = 100;

/** What an answer is owed for. */
type Debt = 'speech' | 'flush' | 'write' | 'end';

/**
 * An answer is owed once speech was written, or the words of audio were asked for, while a write is not taken, and after
 * the end of the audio. Any result shows that somebody is there, but only the end of a wait, or of what was asked for,
 * settles it. Silence owes nothing.
 */
export class StallWatch {
  readonly #patienceMs: number;
  readonly #late: () => void;
  /** Since when, on the clock of `performance`. */
  readonly #debts = new Map<Debt, number>();
  #deadline: NodeJS.Timeout | undefined;
  #speechMs = 0;

  constructor(patienceMs: number, late: () => void) {
    this.#patienceMs = patienceMs;
    this.#late = late;
  }

  /** Whether an answer is owed. */
  get owes(): boolean {
    return this.#debts.size > 0;
  }

  spoke(audioMs: number): void {
    this.#speechMs += audioMs;
    if (this.#speechMs >= shortestSpeechMs) this.#owe('speech');
  }

  /** Waits for what only its own end settles. */
  wait(debt: 'flush' | 'write' | 'end'): void {
    this.#owe(debt);
  }

  payOff(debt: 'flush' | 'write'): void {
    if (this.#debts.delete(debt)) this.#watch();
  }

  answered(): void {
    this.#speechMs = 0;
    this.#debts.delete('speech');
    for (const debt of this.#debts.keys()) this.#debts.set(debt, performance.now());
    this.#watch();
  }

  end(): void {
    this.#debts.clear();
    this.#watch();
  }

  #owe(debt: Debt): void {
    if (this.#debts.has(debt)) return;
    this.#debts.set(debt, performance.now());
    this.#watch();
  }

  /** The oldest debt is due first. */
  #watch(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    if (this.#debts.size === 0) return;
    const dueAt = Math.min(...this.#debts.values()) + this.#patienceMs;
    this.#deadline = setTimeout(() => {
      this.#deadline = setTimeout(this.#late, graceMs);
    }, dueAt - performance.now());
  }
}
