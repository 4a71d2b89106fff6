/** A registry for many nodes: what each of them holds, kept together in Redis by leases. */
import { checkOptions, type Source, sources } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { Remote } from '../lib/remote.ts';
import { openRedisLink, RedisAwayError, type RedisLink } from '../redis/link.ts';
import type { RedisConnectOptions } from '../redis/options.ts';
import { decodeNote, encodeNote } from './audio-note.ts';
import { type Holder, Holdings } from './holdings.ts';
import { type GivenBack, meetingStateAfter } from './meeting-state.ts';
import { BlockNumbering, blockSize, type NumberSupply } from './numbering.ts';
import { type Left, RedisMeetings, skip } from './redis-meetings.ts';
import { Renewals } from './redis-renewals.ts';
import { RedisTotals } from './redis-totals.ts';
import type {
  Claim,
  ClaimOptions,
  Full,
  Held,
  HubCounts,
  MeetingCounts,
  MeetingState,
  Numbering,
  OrphanedClaim,
  Registry,
  Seat,
} from './registry.ts';
import { SegmentNos } from './segment-nos.ts';

export type RedisRegistryOptions = RedisConnectOptions & {
  /** How long what a node holds outlasts it. Milliseconds; 10 000 unless told. */
  readonly leaseMs?: number;
};

/** Throws TypeError for options that cannot be meant. It connects in the background. */
export function redisRegistry(options: RedisRegistryOptions): Registry {
  checkOptions('redisRegistry', options, { url: true, client: true, leaseMs: true });
  const { leaseMs, ...connect } = options;
  return redisRegistryOn(openRedisLink(connect), leaseMs);
}

export function redisRegistryOn(link: RedisLink, leaseMs = 10_000): Registry {
  if (leaseMs > 0) return new RedisRegistry(link, Math.round(leaseMs));
  void link.close();
  throw new TypeError(`leaseMs must be a positive number, got ${leaseMs}`);
}

/** Meetings, or claims, that are given back at once: when a node closes, and when Redis is back. */
const atOnce = 64;

/** What a Redis without room, or without the copies it needs, answers: as good as away. */
const unable = /^(OOM|MISCONF|NOREPLICAS|BUSY) /;

const isAway = (error: unknown): boolean =>
  error instanceof RedisAwayError || (error instanceof Error && unable.test(error.message));

/** What the nodes agree is left of a meeting. */
const agreed = (
  { claimed, finalizedAt }: Left,
  isFinalized: boolean,
  goneAt: number | undefined,
): GivenBack => ({ claimed: claimed.length, finalizedAt, isFinalized, goneAt });

/*
 * The holdings are what counts here, and Redis what the nodes agree by. A command that seemed to fail may have been
 * carried out all the same, even later. That is harmless: a claim of this node that it does not know of is written
 * over by its next renewal, or given back once its lease is over, and has never met the store; it cannot take over from another node,
 * as a claim names the time after which it is void; a seat ends with its lease; segment numbers are left out; a
 * renewal gives back to a lease what was released, but not against a higher fence.
 */
class RedisRegistry implements Registry {
  readonly #link: RedisLink;
  readonly #holdings = new Holdings();
  readonly #segmentNos = new SegmentNos();
  readonly #meetings: RedisMeetings;
  readonly #totals: RedisTotals;
  readonly #renewals: Renewals;
  readonly #leaseMs: number;
  /** When the senders of claims were gone: microseconds of Redis. */
  readonly #goneAt = new WeakMap<Holder, number>();
  /** Claims that were given back when Redis could not be told, and how. */
  readonly #unreported = new Map<Holder, 'finalized' | undefined>();
  /** Until then others may still be telling a Redis that has forgotten. */
  #unsureUntil = 0;

  constructor(link: RedisLink, leaseMs: number) {
    this.#link = link;
    this.#leaseMs = leaseMs;
    const holdings = this.#holdings;
    this.#meetings = new RedisMeetings(link, leaseMs);
    this.#totals = new RedisTotals(link, leaseMs, () => holdings.seatCount);
    const parts = {
      link,
      holdings,
      segmentNos: this.#segmentNos,
      meetings: this.#meetings,
      totals: this.#totals,
    };
    this.#renewals = new Renewals(parts, leaseMs);
    link.watch((state) => {
      if (state === 'back') this.#back();
    });
  }

  get remote(): Remote {
    return this.#link;
  }

  claim(
    meeting: MeetingRef,
    source: Source,
    session: string,
    options: ClaimOptions = {},
  ): Promise<Claim | Held> {
    return this.#renewals.inTurn(meeting, () => this.#claim(meeting, source, session, options));
  }

  async #claim(
    meeting: MeetingRef,
    source: Source,
    session: string,
    options: ClaimOptions,
  ): Promise<Claim | Held> {
    const { above = 0, isAnew = false } = options;
    const holdings = this.#holdings;
    const before = holdings.find(meeting)?.claims.get(source);
    // Redis may have forgotten who is in the way, or know of somebody who has replaced them.
    if (before && (before.session !== session || isAnew)) await this.#renewals.renew(meeting);
    const floor = Math.max(above, holdings.lastFence);
    let wasOrphaned = false;
    const holder = await this.#decide(
      async () => {
        const answer = await this.#meetings.claim(meeting, source, { session, above: floor, isAnew });
        if (answer.kind === 'held') {
          if (answer.wanted) this.#renewals.tellWanted(answer.wanted, meeting, source);
          return { kind: 'held' as const, draining: answer.draining };
        }
        wasOrphaned = answer.isOrphaned;
        const granted = holdings.hold({ meeting, source, session, fence: answer.fence });
        if (answer.from !== undefined)
          this.#renewals.tellLost({ node: answer.from, fence: answer.fence }, meeting, source);
        this.#segmentNos.raise(meeting, answer.segmentNo);
        this.#renewals.sawClaimed(meeting, answer.claimed);
        return granted;
      },
      () => holdings.claim(meeting, source, session, options),
    );
    if (holder.kind === 'held') return holder;
    this.#totals.noteSource(meeting, source, true);
    this.#totals.noteClaim(meeting, source, true);
    await this.#cameIn(meeting);
    return this.#claimOf(holder, wasOrphaned);
  }

  #claimOf(holder: Holder, wasOrphaned: boolean): Claim {
    return {
      kind: 'claim',
      fence: holder.fence,
      wasOrphaned,
      lost: holder.lost.signal,
      wanted: holder.wanted.signal,
      markDraining: async () => void (await this.#leave(holder, 'draining')),
      markVacant: async () => {
        const left = await this.#leave(holder, 'vacant');
        if (!this.#holdings.isHeld(holder)) return;
        this.#totals.noteSource(holder.meeting, holder.source, false);
        await this.#wentOut(holder.meeting, left);
      },
      note: (audio) => {
        if (this.#holdings.isHeld(holder)) this.#renewals.note(holder, encodeNote(audio));
      },
      release: (how) => this.#release(holder, how),
    };
  }

  async #leave(holder: Holder, state: 'draining' | 'vacant'): Promise<Left | undefined> {
    if (!this.#holdings.leave(holder, state)) return undefined;
    // In turn: a renewal that is on its way does not know of it.
    const left = await this.#renewals.inTurn(holder.meeting, () =>
      this.#decide(
        () => this.#meetings.left(holder),
        () => undefined,
      ),
    );
    if (left && !this.#goneAt.has(holder)) this.#goneAt.set(holder, left.at);
    return left;
  }

  async #release(holder: Holder, how?: 'finalized'): Promise<MeetingState> {
    const { meeting, source } = holder;
    const others = this.#renewals.othersIn(meeting);
    const isHeld = this.#holdings.isHeld(holder);
    const notes = isHeld ? this.#renewals.takeNote(holder) : new Map();
    const here = this.#holdings.release(holder, how);
    const left = await this.#decide(
      () => this.#meetings.leave(meeting, isHeld ? { claims: [holder], notes } : {}, how),
      () => undefined,
    );
    if (isHeld) {
      this.#noteGivenBack(meeting, source, left);
      await this.#wentOut(meeting, left);
    }
    const alone = meetingStateAfter(here);
    // What was finalized while Redis was away only this node knows.
    const isFinalized = alone === 'ended';
    if (left) return meetingStateAfter(agreed(left, isFinalized, this.#goneAt.get(holder)));
    if (isHeld) this.#unreported.set(holder, isFinalized ? 'finalized' : how);
    return meetingStateAfter({ ...here, claimed: here.claimed + others.length });
  }

  async seat(meeting: MeetingRef, connection: string, seats: number): Promise<Seat | Full> {
    const holdings = this.#holdings;
    const isSeated =
      holdings.seatsIn(meeting) < seats &&
      (await this.#decide(
        async () => {
          const isFree = await this.#meetings.seat(meeting, connection, seats);
          if (isFree) holdings.sit(meeting, connection);
          return isFree;
        },
        () => holdings.sit(meeting, connection, seats),
      ));
    if (!isSeated) return { kind: 'full' };
    await this.#cameIn(meeting);
    return { kind: 'seat', release: () => this.#stand(meeting, connection) };
  }

  async #stand(meeting: MeetingRef, connection: string): Promise<void> {
    if (!this.#holdings.stand(meeting, connection)) return;
    const left = await this.#decide(
      () => this.#meetings.leave(meeting, { seats: [connection] }),
      () => undefined,
    );
    await this.#wentOut(meeting, left);
  }

  counts(meeting: MeetingRef): Promise<MeetingCounts> {
    return this.#decide(
      async () => {
        const { seats, sent, vacant, notes } = await this.#meetings.counts(meeting);
        return {
          subscribers: seats,
          ingests: sources.filter((source) => sent.includes(source)),
          vacant: sources.filter((source) => vacant.includes(source)),
          elsewhere: notes.flatMap(([source, text]) => decodeNote(source, text) ?? []),
        };
      },
      () => ({
        subscribers: this.#holdings.seatsIn(meeting),
        ingests: this.#holdings.sent(meeting),
        vacant: this.#holdings.vacant(meeting),
        elsewhere: [],
      }),
    );
  }

  totals(): Promise<HubCounts> {
    return this.#decide(
      () => this.#totals.read(),
      () => this.#holdings.totals(),
    );
  }

  watchOrphaned(againMs: number, onOrphaned: (orphan: OrphanedClaim) => void): () => void {
    const watch = setInterval(() => void this.#tellOrphaned(againMs, onOrphaned), this.#leaseMs / 3);
    watch.unref();
    return () => clearInterval(watch);
  }

  /** After an outage of Redis every lease is over until its node has renewed it. */
  async #tellOrphaned(againMs: number, onOrphaned: (orphan: OrphanedClaim) => void): Promise<void> {
    if (!this.#link.isPresent || performance.now() < this.#unsureUntil) return;
    try {
      for (const { meeting, source } of await this.#totals.lapsed(againMs)) {
        const fence = await this.#meetings.orphaned(meeting, source);
        // One that is held still is looked at again after a lease.
        if (typeof fence === 'string') this.#totals.noteClaim(meeting, source, fence === 'held');
        // Its own it renews, but for one that Redis carried out late: nobody knows of that.
        if (typeof fence !== 'number' || this.#knowsOf(meeting, source)) continue;
        const release = () => this.#releaseOrphaned(meeting, source, fence);
        onOrphaned({ meeting, source, fence, release });
      }
      this.#reportReleased(onOrphaned);
      await this.#totals.tell();
    } catch {
      // The next look makes up for it.
    }
  }

  #knowsOf(meeting: MeetingRef, source: Source): boolean {
    if (this.#holdings.find(meeting)?.claims.has(source)) return true;
    const key = meetingKey(meeting);
    return [...this.#unreported.keys()].some(
      (one) => one.source === source && meetingKey(one.meeting) === key,
    );
  }

  /** What was given back while Redis was away is still there for the others: nobody else would ever give it back. */
  #reportReleased(onOrphaned: (orphan: OrphanedClaim) => void): void {
    for (const [holder, how] of [...this.#unreported].slice(0, atOnce)) {
      this.#unreported.delete(holder);
      const { meeting, source, fence } = holder;
      // Whoever sends it by now gives back more than that.
      if (this.#holdings.find(meeting)?.claims.has(source)) continue;
      const release = () => this.#releaseUnreported(holder, how);
      onOrphaned({ meeting, source, fence, isHeardOut: true, release });
    }
  }

  async #releaseUnreported(holder: Holder, how: 'finalized' | undefined): Promise<MeetingState | undefined> {
    const { meeting, source } = holder;
    const left = await this.#decide(
      () => this.#meetings.leave(meeting, { claims: [holder] }, how),
      () => undefined,
    );
    if (!left) {
      this.#unreported.set(holder, how);
      return undefined;
    }
    this.#noteGivenBack(meeting, source, left);
    await this.#wentOut(meeting, left);
    return meetingStateAfter(agreed(left, how === 'finalized', this.#goneAt.get(holder)));
  }

  async #releaseOrphaned(
    meeting: MeetingRef,
    source: Source,
    fence: number,
  ): Promise<MeetingState | undefined> {
    const left = await this.#decide(
      () => this.#meetings.releaseOrphaned(meeting, source, fence),
      () => undefined,
    );
    if (!left) return undefined;
    this.#noteGivenBack(meeting, source, left);
    await this.#wentOut(meeting, left);
    return meetingStateAfter(agreed(left, false, left.at));
  }

  nextSegmentNo(meeting: MeetingRef, atLeast: number): Promise<number> {
    return this.#decide(
      () => this.#takeSegmentNos(meeting, 1, atLeast),
      () => this.#segmentNos.nextAlone(meeting, atLeast, skip()),
    );
  }

  async numbering(meeting: MeetingRef, atLeast: number): Promise<Numbering> {
    const supply: NumberSupply = {
      take: (floor) =>
        this.#decide(
          () => this.#takeSegmentNos(meeting, blockSize, floor),
          () => undefined,
        ),
      alone: (floor) => this.#segmentNos.nextAlone(meeting, floor, skip()),
    };
    const numbering = new BlockNumbering(supply, atLeast);
    await numbering.takeAhead();
    return numbering;
  }

  async #takeSegmentNos(meeting: MeetingRef, count: number, atLeast: number): Promise<number> {
    // While Redis is away it is not told: everything goes on alone.
    const known = this.#link.isPresent ? this.#segmentNos.tell(meeting) : this.#segmentNos.known(meeting);
    const isUnsure = known ? known.isUnsure : performance.now() < this.#unsureUntil;
    const wish = { count, atLeast, known: known?.highest ?? 0, isUnsure };
    const first = await this.#meetings.takeSegmentNos(meeting, wish);
    this.#segmentNos.agree(meeting, first + count - 1);
    return first;
  }

  /** Gives back what is held; if Redis is away, the leases do. */
  async close(): Promise<void> {
    await this.#renewals.close();
    const held = this.#holdings.all();
    this.#holdings.clear();
    for (let from = 0; from < held.length; from += atOnce) {
      await Promise.all(
        held.slice(from, from + atOnce).map(async ({ meeting, claims, seats }) => {
          const left = await this.#meetings
            .leave(meeting, { claims: [...claims.values()], seats })
            .catch(() => undefined);
          for (const source of claims.keys()) {
            this.#noteGivenBack(meeting, source, left);
          }
          this.#noteEmpty(meeting, left);
        }),
      );
    }
    if (held.length > 0) await this.#totals.tell();
    this.#segmentNos.clear();
    await this.#link.close();
  }

  #back(): void {
    this.#unsureUntil = performance.now() + this.#leaseMs;
    void this.#renewals.renewAll();
  }

  async #cameIn(meeting: MeetingRef): Promise<void> {
    this.#totals.noteMeeting(meeting, true);
    await this.#totals.tell();
  }

  async #wentOut(meeting: MeetingRef, left: Left | undefined): Promise<void> {
    this.#noteEmpty(meeting, left);
    await this.#totals.tell();
  }

  /** While Redis is away it is not known what is there: the leases end by themselves. */
  #noteGivenBack(meeting: MeetingRef, source: Source, left: Left | undefined): void {
    const isAnothers = left?.claimed.includes(source) ?? false;
    this.#totals.noteSource(meeting, source, isAnothers);
    if (left) this.#totals.noteClaim(meeting, source, isAnothers);
  }

  #noteEmpty(meeting: MeetingRef, left: Left | undefined): void {
    if (left?.sent.length === 0 && left.seats === 0) this.#totals.noteMeeting(meeting, false);
  }

  /** Asks Redis, or decides by what this node holds when Redis cannot be asked. */
  async #decide<T>(asked: () => Promise<T>, alone: () => T): Promise<T> {
    try {
      return await asked();
    } catch (error) {
      if (!isAway(error)) throw error;
      return alone();
    }
  }
}
