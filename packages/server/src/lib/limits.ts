import { checkOptions } from '@meetcast/protocol';
/** What is bounded: every limit with its unit, its default and the one place that checks it. */

export interface Limits {
  /** Time for the first message of an ingest. Checked by SenderSession. */
  handshakeTimeoutMs: number;
  /** Viewers of one meeting, in the whole cluster. Checked by the registry's seats. */
  subscribersPerMeeting: number;
  /** Entries a first join is given at most, newest kept. Checked by ViewerSession. */
  historyEntries: number;
  /** Entries read from the log at a time. Used by Room. */
  pageEntries: number;
  /** Unsent bytes past which a viewer gets only the newest partial of each source. Checked by ViewerSession. */
  softUnsentBytes: number;
  /** Unsent bytes past which a viewer is closed as slow. Checked by ViewerSession. */
  hardUnsentBytes: number;
  /** Messages a second a viewer may send, and twice as many at once. Checked by ViewerSession. */
  subscriberMessagesPerSecond: number;
  /** Bytes of one binary ingest frame. Checked by SenderSession. */
  ingestFrameBytes: number;
  /** Frames a second read from an ingest, and as many at once; past it the socket waits. Used by SenderSession. */
  ingestFramesPerSecond: number;
  /** Time without any result after which a drain is given up. Checked by SenderSession. */
  drainSilenceMs: number;
  /** The same while the recognizer cannot be reached: it may come back. Checked by SenderSession. */
  drainAwayMs: number;
  /** Time a source that broke off may take to come back before its meeting idles. Used by Grace. */
  graceMs: number;
  /** Bytes of entries that wait for a store that is away; past it ingests are not read. Checked by Outbox. */
  outboxBytes: number;
  /** Time after which a write that is still on its way makes its meeting degraded. Checked by Outbox. */
  slowWriteMs: number;
  /** Time a newcomer waits for a store that is away, before it is told to come back. Checked by ViewerSession. */
  joinPatienceMs: number;
  /** Time a closing hub waits for last words and for a store that is away. Used by the hub. */
  closeDeadlineMs: number;
  /** Time over which a closing hub spreads its asking viewers to come back. Used by the hub. */
  closeSpreadMs: number;
  /** Connections in `connectWindowMs` for one (meeting, source) or one address. Checked at the upgrade. */
  connectsPerWindow: number;
  connectWindowMs: number;
  /** Time between WebSocket pings; a link silent for two of them is ended. Used at the upgrade. */
  heartbeatMs: number;
  /** Time between looks whether a silent bus hid a meeting's last entry. Used by Rooms. */
  headCheckMs: number;
  /** Warning before a token runs out. Used by Admission. */
  tokenWarningMs: number;
}

export const defaultLimits: Readonly<Limits> = Object.freeze({
  handshakeTimeoutMs: 10_000,
  subscribersPerMeeting: 20,
  historyEntries: 10_000,
  pageEntries: 200,
  softUnsentBytes: 64 * 1024,
  hardUnsentBytes: 4 * 1024 * 1024,
  subscriberMessagesPerSecond: 10,
  ingestFrameBytes: 32_768,
  ingestFramesPerSecond: 50,
  drainSilenceMs: 30_000,
  drainAwayMs: 600_000,
  graceMs: 30_000,
  outboxBytes: 16 * 1024 * 1024,
  slowWriteMs: 1_000,
  joinPatienceMs: 10_000,
  closeDeadlineMs: 30_000,
  closeSpreadMs: 2_000,
  connectsPerWindow: 5,
  connectWindowMs: 10_000,
  heartbeatMs: 25_000,
  headCheckMs: 5_000,
  tokenWarningMs: 60_000,
});

/** Node fires a longer timer at once: whoever has to wait for longer looks at the clock again then. */
export const longestTimerMs = 2 ** 31 - 1;

/** The defaults with what a host changed; every limit must be a positive number. */
export function limitsWith(changes: Partial<Limits> = {}): Limits {
  checkOptions('limits', changes, defaultLimits);
  const limits = { ...defaultLimits, ...changes };
  checkPositive('limits', limits);
  for (const [name, value] of Object.entries(limits)) {
    if (name.endsWith('Ms') && value > longestTimerMs) {
      throw new TypeError(`limits.${name} must be at most ${longestTimerMs}, got ${value}`);
    }
  }
  return limits;
}

/** Throws TypeError for the first that is no positive number. `group`: the option of the host's that these are in. */
export function checkPositive(group: string, numbers: object): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value === 'number' && value > 0) continue;
    throw new TypeError(`${group}.${name} must be a positive number, got ${String(value)}`);
  }
}
