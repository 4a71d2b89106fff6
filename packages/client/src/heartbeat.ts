/** Notices that a link has gone silent. */

export interface HeartbeatOptions {
  /** How long silence is trusted before a question is asked. */
  silenceMs: number;
  /** How long the answer may take. */
  answerMs: number;
  ask(): void;
  dead(): void;
  now: () => number;
}

type Timer = ReturnType<typeof setTimeout>;

//  listening ──silence──▶ asked ──silence──▶ stopped (dead)
//      ▲────anything───────┘                    any ──stop()──▶ stopped
type State = { name: 'listening'; timer: Timer } | { name: 'asked'; timer: Timer } | { name: 'stopped' };

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #heardAt: number;
  #state: State;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#heardAt = options.now();
    this.#state = this.#listening(options.silenceMs);
  }

  /** Called for everything that arrives; moves no timer, because there may be hundreds a second. */
  heard(): void {
    this.#heardAt = this.#options.now();
    if (this.#state.name === 'asked') this.#enter(this.#listening(this.#options.silenceMs));
  }

  stop(): void {
    this.#enter({ name: 'stopped' });
  }

  #listening(waitMs: number): State {
    return { name: 'listening', timer: setTimeout(() => this.#check(), waitMs) };
  }

  #check(): void {
    const restMs = this.#options.silenceMs - (this.#options.now() - this.#heardAt);
    // A timer may fire a little before its time.
    if (restMs > 1) return this.#enter(this.#listening(restMs));
    this.#enter({ name: 'asked', timer: setTimeout(() => this.#giveUp(), this.#options.answerMs) });
    this.#options.ask();
  }

  #giveUp(): void {
    this.#enter({ name: 'stopped' });
    this.#options.dead();
  }

  #enter(next: State): void {
    if (this.#state.name !== 'stopped') clearTimeout(this.#state.timer);
    this.#state = next;
  }
}
