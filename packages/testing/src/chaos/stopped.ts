/** Why a run ends before its end: what its signal is aborted with. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  /** The time limit that is over, in milliseconds; undefined: somebody stopped it. */
  readonly limitMs: number | undefined;

  constructor(limitMs?: number) {
    super(limitMs === undefined ? 'it was stopped' : `the time limit of ${limitMs / 1000} s is over`);
    this.limitMs = limitMs;
  }
}

/** Of a signal that may have been aborted. */
export function stoppedBy({ reason }: AbortSignal): Stopped | undefined {
  return reason instanceof Stopped ? reason : undefined;
}
