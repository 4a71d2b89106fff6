/** Tells Redis again and again what this node holds, so that it lasts there, and comes back to an emptied Redis. */
import type { Source } from '@meetcast/protocol';
import { KeyedQueue } from '../lib/keyed-queue.ts';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Holder, Holdings, Present } from './holdings.ts';
import type { RedisMeetings, Renewal, Wanted } from './redis-meetings.ts';
import type { RedisTotals } from './redis-totals.ts';
import type { SegmentNos } from './segment-nos.ts';

/** A meeting of this node as Redis knows it. */
interface Standing {
  /** When everything is to be told again. */
  dueAt: number;
  /** When changed notes may be told again. */
  notesDueAt: number;
  readonly notes: Map<Source, string>;
  readonly changed: Set<Source>;
  /** The sources that other nodes held when Redis was last asked. */
  others: readonly Source[];
}

export interface RenewalParts {
  readonly link: RedisLink;
  readonly holdings: Holdings;
  readonly segmentNos: SegmentNos;
  readonly meetings: RedisMeetings;
  readonly totals: RedisTotals;
}

/** Meetings that are renewed at once. */
const atOnce = 64;
const notesEveryMs = 1_000;

/** The channel on which a node hears that a claim of its own was given to another, or is wanted. */
const lostChannel = (node: string) => `meetcast:lost:${node}`;

export class Renewals {
  readonly #parts: RenewalParts;
  readonly #everyMs: number;
  readonly #standings = new WeakMap<Present, Standing>();
  readonly #turns = new KeyedQueue();
  readonly #timer: NodeJS.Timeout;
  readonly #listening: Promise<() => Promise<void>>;
  #isRenewing = false;

  constructor(parts: RenewalParts, leaseMs: number) {
    this.#parts = parts;
    this.#everyMs = leaseMs / 3;
    this.#timer = setInterval(() => void this.#renewDue(), Math.min(250, leaseMs / 12));
    const { link } = parts;
    this.#listening = link.subscribe([lostChannel(link.node)], (message) => this.#heard(message.toString()));
    this.#listening.catch(() => {}); // Renewals find it too.
  }

  /** Claims and renewals of a meeting go one after another: a renewal must not undo a claim that is on its way. */
  inTurn<T>(meeting: MeetingRef, work: () => Promise<T>): Promise<T> {
    return this.#turns.do(meetingKey(meeting), work);
  }

  note({ meeting, source }: Holder, text: string): void {
    const standing = this.#standingIn(meeting);
    if (!standing || standing.notes.get(source) === text) return;
    standing.notes.set(source, text);
    standing.changed.add(source);
  }

  /** What has not been told of a source that is given back. */
  takeNote({ meeting, source }: Holder): Map<Source, string> {
    const standing = this.#standingIn(meeting);
    const text = standing?.notes.get(source);
    const isTold = standing?.changed.delete(source) === false;
    standing?.notes.delete(source);
    return new Map(text === undefined || isTold ? [] : [[source, text]]);
  }

  /** The sources that other nodes held when Redis was last asked. */
  othersIn(meeting: MeetingRef): readonly Source[] {
    return this.#standingIn(meeting)?.others ?? [];
  }

  sawClaimed(meeting: MeetingRef, claimed: readonly Source[]): void {
    const present = this.#parts.holdings.find(meeting);
    if (!present) return;
    this.#standingOf(present).others = claimed.filter((source) => !present.claims.has(source));
  }

  /** Somebody has a later claim, of this fence. */
  tellLost({ node, fence }: Wanted, meeting: MeetingRef, source: Source): void {
    if (node !== this.#parts.link.node) this.#tell(node, `lost ${fence} ${source} ${meetingKey(meeting)}`);
  }

  /** Somebody waits for the claim of this fence, whose sender is gone. */
  tellWanted({ node, fence }: Wanted, meeting: MeetingRef, source: Source): void {
    const holder = this.#parts.holdings.find(meeting)?.claims.get(source);
    if (node !== this.#parts.link.node) this.#tell(node, `wanted ${fence} ${source} ${meetingKey(meeting)}`);
    else if (holder?.fence === fence) holder.wanted.abort();
  }

  /** Redis is back, perhaps with nothing: everything at once, and what was decided alone meanwhile. */
  async renewAll(): Promise<void> {
    const { holdings, segmentNos } = this.#parts;
    const doubted = segmentNos.doubt().filter((meeting) => !holdings.find(meeting));
    for (const present of holdings.all()) this.#standingOf(present).dueAt = 0;
    await Promise.all([
      this.#renewDue(),
      ...doubted.map((meeting) => this.inTurn(meeting, () => this.renew(meeting))),
    ]);
  }

  /** Only in turn. A renewal that fails is made up for by the next one. */
  async renew(meeting: MeetingRef): Promise<void> {
    const { link, holdings, segmentNos, meetings } = this.#parts;
    const present = holdings.find(meeting);
    const standing = present && this.#standingOf(present);
    const known = link.isPresent ? segmentNos.tell(meeting) : segmentNos.known(meeting);
    const claims = [...(present?.claims.values() ?? [])];
    const isDue = standing !== undefined && standing.dueAt <= performance.now();
    const notes = new Map(
      [...(standing?.notes ?? [])].filter(([source]) => isDue || standing?.changed.has(source)),
    );
    const renewal = await meetings
      .renew(meeting, {
        claims,
        seats: isDue ? (present?.seats ?? []) : [],
        notes,
        segmentNo: known?.highest ?? 0,
        isUnsure: known?.isUnsure ?? false,
      })
      .catch(() => undefined);
    if (!renewal) return;
    for (const [source, text] of notes)
      if (standing?.notes.get(source) === text) standing.changed.delete(source);
    if (isDue) standing.dueAt = this.#nextDue();
    if (standing) standing.notesDueAt = performance.now() + notesEveryMs;
    this.#apply(meeting, claims, renewal);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#listening.then(
      (stop) => stop(),
      () => {},
    );
  }

  #apply(meeting: MeetingRef, claims: readonly Holder[], renewal: Renewal): void {
    const { holdings, segmentNos, totals } = this.#parts;
    segmentNos.agree(meeting, renewal.segmentNo);
    for (const holder of claims) if (renewal.lost.includes(holder.source)) holdings.lose(holder);
    for (const holder of claims) if (renewal.wanted.includes(holder.source)) holder.wanted.abort();
    for (const { source, ...by } of renewal.beaten) this.tellLost(by, meeting, source);
    this.sawClaimed(meeting, renewal.claimed);
    for (const source of holdings.find(meeting)?.claims.keys() ?? []) totals.noteClaim(meeting, source, true);
    if (!holdings.isBusy(meeting)) return;
    totals.noteMeeting(meeting, true);
    for (const source of holdings.sent(meeting)) totals.noteSource(meeting, source, true);
  }

  async #renewDue(): Promise<void> {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    try {
      for (let due = this.#due(); due.length > 0; due = this.#due()) {
        const some = due.slice(0, atOnce).map(({ meeting }) => meeting);
        await Promise.all(some.map((meeting) => this.inTurn(meeting, () => this.renew(meeting))));
        await this.#parts.totals.tell();
      }
    } finally {
      this.#isRenewing = false;
    }
  }

  #due(): Present[] {
    const { link, holdings } = this.#parts;
    if (!link.isPresent) return [];
    const now = performance.now();
    return holdings.all().filter((present) => {
      const { dueAt, notesDueAt, changed } = this.#standingOf(present);
      return dueAt <= now || (changed.size > 0 && notesDueAt <= now);
    });
  }

  #tell(node: string, message: string): void {
    this.#parts.link.publish(lostChannel(node), message);
  }

  #heard(message: string): void {
    const [what, fence, source, tenant, id] = message.split(/[ /]/);
    if (tenant === undefined || id === undefined) return;
    const holder = this.#parts.holdings.find({ tenant, id })?.claims.get(source as Source);
    if (what === 'wanted' && holder?.fence === Number(fence)) holder.wanted.abort();
    if (what === 'lost' && holder && holder.fence < Number(fence)) this.#parts.holdings.lose(holder);
  }

  #standingIn(meeting: MeetingRef): Standing | undefined {
    const present = this.#parts.holdings.find(meeting);
    return present && this.#standingOf(present);
  }

  #standingOf(present: Present): Standing {
    let standing = this.#standings.get(present);
    if (!standing) {
      standing = { dueAt: this.#nextDue(), notesDueAt: 0, notes: new Map(), changed: new Set(), others: [] };
      this.#standings.set(present, standing);
    }
    return standing;
  }

  /** By chance, so that meetings which were renewed together do not stay together. */
  #nextDue(): number {
    return performance.now() + this.#everyMs * (0.75 + Math.random() / 4);
  }
}
