/** Audio that the hub keeps, together with what is known of it. */
import type { UnheardAudio } from '../recognizer/recognizer.ts';
import type { Leftover } from './leftover.ts';

/** Whoever holds it discards it, or leaves it to a later process where that is possible. */
export interface Kept {
  readonly audio: UnheardAudio;
  /** As it is known now. */
  readonly leftover: Leftover;
  /** Whether another process kept it: nobody here waits for its sender. */
  readonly isFound: boolean;
  /** Resolves once a later process would know it too. Rejects if the disk refuses, or somebody else has taken it over. */
  save(changes: Partial<Leftover>): Promise<void>;
  discard(): Promise<void>;
}

/** Kept for as long as this process lives. */
export class HeldHere implements Kept {
  readonly audio: UnheardAudio;
  readonly isFound = false;
  leftover: Leftover;

  constructor(leftover: Leftover, audio: UnheardAudio) {
    this.leftover = leftover;
    this.audio = audio;
  }

  async save(changes: Partial<Leftover>): Promise<void> {
    this.leftover = { ...this.leftover, ...changes };
  }

  discard(): Promise<void> {
    return this.audio.discard();
  }
}
