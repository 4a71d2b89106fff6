/** What can go wrong between a hub and Deepgram, as switches. */

import type { RefusedStatus } from './refusals.ts';

/** How an open stream is hurt. */
export type StreamFault =
  /** The connection ends without a close frame. */
  | { kind: 'fin' }
  | { kind: 'rst' }
  /** Half open: audio is accepted, nothing is ever answered, not even a ping. */
  | { kind: 'silence' }
  /** 1000 is the clean close in mid-stream that is still a loss. */
  | { kind: 'close'; code: 1000 | 1008 | 1011 | 1012; reason?: string };

export type Fault =
  /** Without `afterAudioMs`: all open streams, now. With it: the next `times` (1) streams, once they sent so much audio. */
  | (StreamFault & { afterAudioMs?: number; times?: number })
  /** A stream that ends in order closes without a status: the client sees 1005. */
  | { kind: 'no-status' }
  /** The next `times` handshakes; without it, every one. */
  | { kind: 'refuse'; status: RefusedStatus; times?: number }
  | { kind: 'slow-upgrade'; delayMs: number }
  | { kind: 'slow-reader'; bytesPerSecond: number }
  /** Nobody listens and open connections are reset, for a while or until faults are cleared. */
  | { kind: 'away'; forMs?: number };

type PlannedFault = Exclude<Fault, { kind: 'away' }>;

/** A fault of streams that is not put off to a later one. */
export function isForNow(fault: PlannedFault): fault is Extract<PlannedFault, StreamFault> {
  switch (fault.kind) {
    case 'fin':
    case 'rst':
    case 'silence':
    case 'close':
      return fault.afterAudioMs === undefined;
    default:
      return false;
  }
}

/** A stream's fate, decided when it opens. */
export interface Strike {
  fault: StreamFault;
  afterAudioMs: number;
}

/** The switches that are set. */
export class FaultBoard {
  #refusal: { status: RefusedStatus; left: number } | undefined;
  #strikes: Array<Strike & { left: number }> = [];
  #upgradeDelayMs = 0;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #endsWithoutStatus = false;

  get upgradeDelayMs(): number {
    return this.#upgradeDelayMs;
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  get endsWithoutStatus(): boolean {
    return this.#endsWithoutStatus;
  }

  set(fault: PlannedFault): void {
    switch (fault.kind) {
      case 'no-status':
        this.#endsWithoutStatus = true;
        return;
      case 'refuse':
        this.#refusal = { status: fault.status, left: fault.times ?? Number.POSITIVE_INFINITY };
        return;
      case 'slow-upgrade':
        this.#upgradeDelayMs = fault.delayMs;
        return;
      case 'slow-reader':
        this.#bytesPerSecond = fault.bytesPerSecond;
        return;
      default:
        this.#strikes.push({ fault, afterAudioMs: fault.afterAudioMs ?? 0, left: fault.times ?? 1 });
    }
  }

  clear(): void {
    this.#refusal = undefined;
    this.#strikes = [];
    this.#upgradeDelayMs = 0;
    this.#bytesPerSecond = Number.POSITIVE_INFINITY;
    this.#endsWithoutStatus = false;
  }

  /** The refusal for the handshake at hand, if it is to be refused. */
  takeRefusal(): RefusedStatus | undefined {
    const refusal = this.#refusal;
    if (!refusal) return undefined;
    if (--refusal.left <= 0) this.#refusal = undefined;
    return refusal.status;
  }

  /** The strike for the stream at hand, if one waits. */
  takeStrike(): Strike | undefined {
    const strike = this.#strikes[0];
    if (!strike) return undefined;
    if (--strike.left <= 0) this.#strikes.shift();
    return strike;
  }
}
