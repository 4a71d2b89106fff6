/** The registry's questions to Redis about one meeting, with typed answers. */
import type { Source } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Holder } from './holdings.ts';
import {
  claimScript,
  countsScript,
  leaveScript,
  leftScript,
  orphanedScript,
  releaseOrphanedScript,
  renewScript,
  runScript,
  type Script,
  seatScript,
  takeSegmentsScript,
} from './redis-scripts.ts';

export type ClaimAnswer =
  | { kind: 'held'; draining: boolean; wanted: Wanted | undefined }
  | {
      kind: 'granted';
      fence: number;
      /** The node that held it until now. */
      from: string | undefined;
      segmentNo: number;
      claimed: Source[];
      /** Whether a claim was in its place that another node did not give back. */
      isOrphaned: boolean;
    };

/** A vacant claim that is in somebody's way. */
export interface Wanted {
  readonly node: string;
  readonly fence: number;
}

/** What is there after something was given back, or a sender was gone. Times are microseconds of Redis. */
export interface Left {
  /** Also those whose leases ran out: their senders may come back. */
  readonly claimed: Source[];
  readonly sent: Source[];
  readonly seats: number;
  /** When a source was last finalized; 0 if none was. */
  readonly finalizedAt: number;
  readonly at: number;
}

/** A claim of another node that a renewal has replaced. */
interface Beaten {
  readonly source: Source;
  readonly node: string;
  readonly fence: number;
}

export interface Renewal {
  readonly segmentNo: number;
  readonly lost: Source[];
  readonly beaten: Beaten[];
  readonly claimed: Source[];
  readonly wanted: Source[];
}

/** What one node holds in a meeting; `notes` are texts by source. */
export interface NodeShare {
  readonly claims: readonly Holder[];
  readonly seats: Iterable<string>;
  readonly notes: ReadonlyMap<Source, string>;
  readonly segmentNo: number;
  readonly isUnsure: boolean;
}

/** Segment numbers that are asked for. */
export interface Wish {
  readonly count: number;
  readonly atLeast: number;
  /** The highest that the asker knows of. */
  readonly known: number;
  readonly isUnsure: boolean;
}

/** As the scripts have them. */
const stateOf = { sent: '0', draining: '1', vacant: '2' } as const;

function leftOf(answer: unknown): Left {
  const [claimed, sent, seats, finalizedAt, at] = answer as [Source[], Source[], number, number, number];
  return { claimed, sent, seats, finalizedAt, at };
}

/** Fences, segment numbers, notes and claims that nobody gave back are remembered for so long after the last one. */
export const keepMs = 24 * 3_600_000;
/** How late a claim may still be carried out: its asker has decided alone by then. */
const lateMs = 2_000;
/**
 * How far numbers go ahead of those that others may have been given unheard: by chance, as two nodes that know as much
 * would else meet there, should Redis forget twice.
 */
export const skip = () => 1_000 + Math.floor(Math.random() * 999_000);

export class RedisMeetings {
  readonly #link: RedisLink;
  readonly #leaseMs: number;
  /** The clock of Redis less the one of this process. */
  #aheadMs: number | undefined;

  constructor(link: RedisLink, leaseMs: number) {
    this.#link = link;
    this.#leaseMs = leaseMs;
  }

  async claim(
    meeting: MeetingRef,
    source: Source,
    session: string,
    above: number,
    isAnew: boolean,
  ): Promise<ClaimAnswer> {
    const ahead = this.#aheadMs;
    const notAfter =
      ahead === undefined ? Number.MAX_SAFE_INTEGER : Math.floor(performance.now() + ahead + lateMs);
    const args = [this.#link.node, this.#leaseMs, keepMs, source, session, above, notAfter, isAnew ? 1 : 0];
    const answer = (await this.#run(claimScript, meeting, args)) as
      | [number, 'late']
      | [number, 'held', string, string, number]
      | [number, 'claim', number, string, number, Source[], 0 | 1];
    this.#readClock(answer[0]);
    // Somebody waits for this answer, so it is the clocks that have moved apart.
    if (answer[1] === 'late') return this.claim(meeting, source, session, above, isAnew);
    if (answer[1] === 'held') {
      const [, , state, node, fence] = answer;
      const draining = state !== stateOf.sent;
      return { kind: 'held', draining, wanted: draining ? { node, fence } : undefined };
    }
    const [, , fence, from, segmentNo, claimed, isOrphaned] = answer;
    return {
      kind: 'granted',
      fence,
      from: from || undefined,
      segmentNo,
      claimed,
      isOrphaned: isOrphaned === 1,
    };
  }

  /** The sender of a claim is gone. */
  async left({ meeting, source, fence, state }: Holder): Promise<Left> {
    return leftOf(await this.#run(leftScript, meeting, [this.#link.node, source, fence, stateOf[state]]));
  }

  /** The fence of a claim whose lease is over, or why there is none. */
  async orphaned(meeting: MeetingRef, source: Source): Promise<number | 'held' | 'free'> {
    const [fence, isOver] = (await this.#run(orphanedScript, meeting, [source])) as [number, 0 | 1] | [];
    if (fence === undefined) return 'free';
    return isOver === 1 ? fence : 'held';
  }

  /** `at`: when its node was last heard of. Undefined if it is held again, or was given back. */
  async releaseOrphaned(meeting: MeetingRef, source: Source, fence: number): Promise<Left | undefined> {
    const answer = await this.#run(releaseOrphanedScript, meeting, [source, fence, this.#leaseMs]);
    return (answer as unknown[]).length === 0 ? undefined : leftOf(answer);
  }

  async seat(meeting: MeetingRef, connection: string, seats: number): Promise<boolean> {
    return (await this.#run(seatScript, meeting, [this.#leaseMs, this.#member(connection), seats])) === 1;
  }

  /** Gives back claims and seats. */
  async leave(
    meeting: MeetingRef,
    { claims = [], seats = [], notes = new Map() }: Partial<Pick<NodeShare, 'claims' | 'seats' | 'notes'>>,
    how?: 'finalized',
  ): Promise<Left> {
    const answer = await this.#run(leaveScript, meeting, [
      this.#link.node,
      keepMs,
      how === 'finalized' ? 1 : 0,
      notes.size,
      ...[...notes].flat(),
      claims.length,
      ...claims.flatMap(({ source, fence }) => [source, fence]),
      ...Array.from(seats, (connection) => this.#member(connection)),
    ]);
    return leftOf(answer);
  }

  async renew(meeting: MeetingRef, held: NodeShare): Promise<Renewal> {
    const [now, segmentNo, lost, beaten, claimed, wanted] = (await this.#run(renewScript, meeting, [
      this.#link.node,
      this.#leaseMs,
      keepMs,
      held.segmentNo,
      skip(),
      held.isUnsure ? 1 : 0,
      held.notes.size,
      ...[...held.notes].flat(),
      held.claims.length,
      ...held.claims.flatMap(({ source, session, fence, state }) => [source, session, fence, stateOf[state]]),
      ...Array.from(held.seats, (connection) => this.#member(connection)),
    ])) as [number, number, Source[], string[], Source[], Source[]];
    this.#readClock(now);
    const triples = Array.from({ length: beaten.length / 3 }, (_, index) => ({
      source: beaten[index * 3] as Source,
      node: beaten[index * 3 + 1] ?? '',
      fence: Number(beaten[index * 3 + 2]),
    }));
    return { segmentNo, lost, beaten: triples, claimed, wanted };
  }

  /** Seats taken, sources sent and vacant, and what the other nodes have noted, as texts by source. */
  async counts(
    meeting: MeetingRef,
  ): Promise<{ seats: number; sent: Source[]; vacant: Source[]; notes: [Source, string][] }> {
    const [seats, sent, vacant, all] = (await this.#run(countsScript, meeting, [])) as [
      number,
      Source[],
      Source[],
      string[],
    ];
    const notes: [Source, string][] = [];
    for (let at = 0; at < all.length; at += 2) {
      const [node, source] = (all[at] ?? '').split(' ');
      const note = all[at + 1] ?? '';
      // Redis puts the time before it.
      if (node !== this.#link.node) notes.push([source as Source, note.slice(note.indexOf(' ') + 1)]);
    }
    return { seats, sent, vacant, notes };
  }

  /** The first of so many numbers in a row that nobody has. */
  async takeSegmentNos(meeting: MeetingRef, { count, atLeast, known, isUnsure }: Wish): Promise<number> {
    const args = [keepMs, count, atLeast, known, skip(), isUnsure ? 1 : 0];
    return (await this.#run(takeSegmentsScript, meeting, args)) as number;
  }

  #run(script: Script, meeting: MeetingRef, args: readonly (string | number)[]): Promise<unknown> {
    const tag = `meetcast:{${meetingKey(meeting)}}`;
    const keys = [`${tag}:claims`, `${tag}:seats`, `${tag}:numbers`, `${tag}:notes`];
    return this.#link.run((client) => runScript(client, script, keys, args));
  }

  /** Connections are named by their nodes, so their names need only differ there. */
  #member(connection: string): string {
    return `${this.#link.node}/${connection}`;
  }

  #readClock(now: number): void {
    this.#aheadMs = now - performance.now();
  }
}
