/** Why a run ends before its end: what its signal is aborted with. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  /** Seconds of the time limit; undefined: somebody stopped it. */
  readonly limitSeconds: number | undefined;

  constructor(limitSeconds?: number) {
    super(limitSeconds === undefined ? 'it was stopped' : `the time limit of ${limitSeconds} s is over`);
    this.limitSeconds = limitSeconds;
  }
}

/** Of a signal that may have been aborted. */
export function stoppedBy({ reason }: AbortSignal): Stopped | undefined {
  return reason instanceof Stopped ? reason : undefined;
}
