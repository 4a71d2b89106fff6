/** A spool whose failure does not stop the audio: it is told once, and from then on nothing is written. */
import type { SessionNote, Spool } from './spool.ts';

export class GuardedSpool {
  readonly #spool: Spool;
  readonly #failed: (error: Error) => void;
  #isSound = true;
  /** Whether it could be removed, once that was tried. */
  #retired: Promise<boolean> | undefined;

  constructor(spool: Spool, failed: (error: Error) => void) {
    this.#spool = spool;
    this.#failed = failed;
  }

  /** Whether what it takes outlives the process. */
  get isSound(): boolean {
    return this.#isSound;
  }

  append(audio: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#attempt(() => this.#spool.append(audio));
  }

  note(session: SessionNote): Promise<void> {
    return this.#attempt(() => this.#spool.note(session));
  }

  forget(before: number): Promise<void> {
    return this.#attempt(() => this.#spool.forget(before));
  }

  /** Rejects where the audio is not to be had. */
  read(at: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.#spool.read(at);
  }

  /** Nothing is needed any more of what it took before it failed: nobody must find it and send it again. */
  retire(): void {
    this.#retired ??= this.#spool.remove().then(
      () => true,
      () => false,
    );
  }

  close(): Promise<void> {
    return this.#leave(() => this.#spool.close());
  }

  remove(): Promise<void> {
    return this.#leave(() => this.#spool.remove());
  }

  async #leave(leave: () => Promise<void>): Promise<void> {
    if (await this.#retired) return;
    await leave().catch(this.#fail);
  }

  async #attempt(write: () => Promise<void>): Promise<void> {
    if (this.#isSound) await write().catch(this.#fail);
  }

  readonly #fail = (error: Error): void => {
    if (!this.#isSound) return;
    this.#isSound = false;
    this.#failed(error);
  };
}
