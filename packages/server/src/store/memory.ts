/** A store that lives and dies with the process: for tests, demos and a first afternoon. */
import { randomUUID } from 'node:crypto';
import type { LogEntry, LoggedEvent, Source } from '@meetcast/protocol';
import { StaleFenceError } from '../errors.ts';
import { type MeetingRef, meetingKey } from '../meeting.ts';
import type { Reach, Store } from './store.ts';

interface Coverage {
  fence: number;
  coveredMs: number;
}

interface Log {
  readonly events: LoggedEvent[];
  readonly finals: Map<number, LoggedEvent>;
  readonly coverage: Map<Source, Coverage>;
  segmentNo: number;
}

/** Logs in memory, without a bound: a day of one meeting is a few megabytes. */
export function memoryStore(): Store {
  const epoch = randomUUID();
  const logs = new Map<string, Log>();

  const find = (meeting: MeetingRef) => logs.get(meetingKey(meeting));

  function open(meeting: MeetingRef): Log {
    let log = find(meeting);
    if (!log) {
      log = { events: [], finals: new Map(), coverage: new Map(), segmentNo: 0 };
      logs.set(meetingKey(meeting), log);
    }
    return log;
  }

  function cover(log: Log, reach: Reach): number {
    const before = log.coverage.get(reach.source);
    if (before && reach.fence < before.fence) {
      throw new StaleFenceError(`claim ${reach.fence} of ${reach.source} was replaced by ${before.fence}`);
    }
    const coveredMs = Math.max(before?.coveredMs ?? 0, reach.coveredMs);
    log.coverage.set(reach.source, { fence: reach.fence, coveredMs });
    return coveredMs;
  }

  function append(log: Log, entry: LogEntry): LoggedEvent {
    const segmentNo = entry.type === 'transcript.final' ? entry.segment_no : 0;
    const there = log.finals.get(segmentNo);
    if (there) return there;
    const event: LoggedEvent = { ...entry, seq: log.events.length + 1 };
    log.events.push(event);
    if (segmentNo) log.finals.set(segmentNo, event);
    log.segmentNo = Math.max(log.segmentNo, segmentNo);
    return event;
  }

  return {
    async append(meeting, entry, reach) {
      const log = open(meeting);
      if (reach) cover(log, reach);
      return { epoch, event: append(log, entry) };
    },
    async read(meeting, after, limit) {
      return { epoch, events: find(meeting)?.events.slice(after, after + limit) ?? [] };
    },
    async head(meeting) {
      const log = find(meeting);
      return { epoch, seq: log?.events.length ?? 0, segmentNo: log?.segmentNo ?? 0 };
    },
    async cover(meeting, reach) {
      return cover(open(meeting), reach);
    },
    async covered(meeting, source) {
      return find(meeting)?.coverage.get(source)?.coveredMs ?? 0;
    },
    async ping() {},
    async close() {
      logs.clear();
    },
  };
}
