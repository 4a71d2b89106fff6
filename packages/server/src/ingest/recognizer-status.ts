/** What everyone is told of one source's way to its recognizer. None of it is logged. */
import type { Source } from '@meetcast/protocol';
import { stamp } from '../lib/meeting.ts';
import { statusText } from '../lib/sentences.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { RecognizerState } from '../recognizer/recognizer.ts';

/** A break that is over sooner is not worth a word. */
const blipMs = 1_000;

/*
 *   well ──reconnecting──▶ doubtful ──a second──▶ told ──recovered──▶ well
 *     ▲        silent ──────────────────────────────┘
 *     └─────────recovered──────┘
 */
type State =
  | { readonly name: 'well' }
  | { readonly name: 'doubtful'; readonly timer: NodeJS.Timeout }
  | { readonly name: 'told' };

export class RecognizerStatus {
  readonly #log: TranscriptLog;
  readonly #source: Source;
  #state: State = { name: 'well' };

  constructor(log: TranscriptLog, source: Source) {
    this.#log = log;
    this.#source = source;
  }

  tell({ state, reason }: RecognizerState): void {
    if (state === 'silent') this.#say('degraded', statusText.reconnecting(reason), { cause: 'asr_silent' });
    else if (state === 'reconnecting') this.#doubt(statusText.reconnecting(reason));
    else this.#recover(reason);
  }

  end(): void {
    this.#enter({ name: 'well' });
  }

  #doubt(reason: string): void {
    if (this.#state.name !== 'well') return;
    const timer = setTimeout(() => this.#say('reconnecting', reason), blipMs);
    this.#enter({ name: 'doubtful', timer });
  }

  #recover(reason: string): void {
    const wasTold = this.#state.name === 'told';
    this.#enter({ name: 'well' });
    if (wasTold) this.#show('recovered', reason, {});
  }

  #say(status: string, reason: string, more: Record<string, unknown> = {}): void {
    this.#enter({ name: 'told' });
    this.#show(status, reason, more);
  }

  #show(status: string, message: string, more: Record<string, unknown>): void {
    const source = this.#source;
    const details = { part: 'recognizer', source, ...more };
    const about = { type: 'status' as const, ...stamp(this.#log.meeting), meta: { source } };
    this.#log.show({ ...about, status, message, details });
  }

  #enter(next: State): void {
    if (this.#state.name === 'doubtful') clearTimeout(this.#state.timer);
    this.#state = next;
  }
}
