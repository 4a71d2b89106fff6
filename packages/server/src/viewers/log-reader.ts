/** A reader's way through a meeting's log, the same for a socket, an event stream and a poll. */
import { backoffMs } from '@meetcast/protocol';
import type { Message } from '../bus/message.ts';
import { Pause } from '../lib/pause.ts';
import { storeBackoff } from '../log/outbox.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Head, LogPage } from '../store/store.ts';
import { type ResumePoint, resumeAt } from './resume-point.ts';
import type { Batch, Member, Room } from './room.ts';
import type { Rooms } from './rooms.ts';

export interface LogReaderOptions {
  readonly log: TranscriptLog;
  readonly rooms: Rooms;
  /** Who hears the room. */
  readonly member: Member;
  /** Entries a first load is given at most, newest kept. */
  readonly historyEntries: number;
  /** Without it a store that is away is asked once. */
  readonly patience?: Patience;
}

interface Patience {
  /** How long the first head may be waited for: another node may reach the store. A page is waited for without end. */
  readonly joinMs: number;
  /** The first failure of several in a row. */
  away(error: unknown): void;
}

/** What a reader is told before it is given anything. */
export interface Opening {
  readonly head: Head;
  /** Whether everything after the place it knew follows; null if it named none. */
  readonly recovered: boolean | null;
}

/** Entries; or that there are no more of them yet; or that there never will be: another log, or the reader has left. */
export type Next = LogPage | 'level' | 'over';

/** Where a message stands: it is not logged, or comes next, or was given before, or something before it is missing. */
export type Place = 'passing' | 'next' | 'known' | 'ahead';

/*
 *   outside ──▶ joining ──▶ reading ──▶ left
 *      └───────────┴───────────────────▲
 */
type State =
  | { readonly name: 'outside' | 'left' }
  | { readonly name: 'joining'; room: Room | undefined }
  | Reading;

interface Reading {
  readonly name: 'reading';
  readonly room: Room;
  readonly head: Head;
  /** The reader has everything up to here. */
  seq: number;
  hasRead: boolean;
}

/**
 * The log is the truth, the room a hint: what it announces may be lost, repeated or out of order. So the first load, a
 * resume and the repair of a hole are one routine, and live is only where it rests:
 *
 *   open ──▶ next: a page, a page … 'level' ──▶ take, take, take …
 *             ▲                                    │ a hole; or, for who pulls, news
 *             └────────────────────────────────────┘
 *
 * - `open` joins the room before it looks at the head, so that nothing falls between the two. Head and resume point
 *   decide where the reader begins.
 * - `next` reads on from the last entry that was given, until the log is read as far as anybody here heard that it
 *   reaches. Readers at the same place share a query.
 * - `take` is how a reader that is level gets what the room delivers: at once, if it follows without a hole. It is called
 *   for every viewer in the fan-out: no promise, and nothing allocated. What does not follow is left to `next`.
 * - `leave` gives the room back, whatever the reader is in.
 *
 * Who hears the room is not the reader but its `member`, so that nothing stands between the room and a socket; who pulls
 * has a `LogFollower` there. The reader does not know how fast its viewer is, nor what is shown beside the log.
 */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #pause = new Pause();
  #state: State = { name: 'outside' };

  constructor(options: LogReaderOptions) {
    this.#options = options;
  }

  /** Once. Undefined if the reader has left, before or meanwhile; after a failure it has too. */
  async open(from: ResumePoint): Promise<Opening | undefined> {
    if (this.#state.name !== 'outside') return undefined;
    const { log, rooms, member, historyEntries } = this.#options;
    const state: State = { name: 'joining', room: undefined };
    this.#state = state;
    try {
      const room = await rooms.join(log, member);
      if (this.#state !== state) return void rooms.leave(room, member);
      state.room = room;
      const head = await this.#firstHead(state);
      if (!head) return undefined;
      room.reach(head);
      const { sent, recovered } = resumeAt(from, head, historyEntries);
      this.#state = { name: 'reading', room, head, seq: sent, hasRead: false };
      return { head, recovered };
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  /** The reader has everything up to here. */
  get seq(): number {
    return this.#state.name === 'reading' ? this.#state.seq : 0;
  }

  /** Whether the log is known to hold more. */
  get isBehind(): boolean {
    return this.#state.name === 'reading' && this.#state.seq < this.#state.room.headSeq;
  }

  /** What each source is saying now. */
  get partials(): Iterable<Message> {
    return this.#state.name === 'reading' ? this.#state.room.partials : [];
  }

  /** Whether a message still says something: not if it is a partial whose final has come, or that was taken back. */
  stands(message: Message): boolean {
    return this.#state.name === 'reading' && this.#state.room.stands(message);
  }

  /** One call at a time. Rejects if the store fails and there is no patience. */
  async next(): Promise<Next> {
    const state = this.#state;
    if (state.name !== 'reading') return 'over';
    if (!state.hasRead) void state.room.recall(state.head); // Its reads wait for that.
    while (!state.hasRead || this.isBehind) {
      const { headSeq } = state.room;
      const page = await this.#page(state);
      if (page?.epoch !== state.head.epoch) return 'over';
      state.hasRead = true;
      const last = page.events.at(-1);
      if (last) {
        state.seq = last.seq;
        return page;
      }
      // An announcement may be ahead of the log: an empty page ends the reading, or it would spin. But not if something
      // was announced since that page was asked for.
      if (state.room.headSeq === headSeq) break;
    }
    return 'level';
  }

  /** Whether a batch is of another log than this reader began with. */
  isForeign(batch: Batch): boolean {
    return this.#state.name === 'reading' && batch.lastSeq > 0 && batch.epoch !== this.#state.head.epoch;
  }

  /** Whether all that is logged of a batch comes next; from then on the reader has it. */
  take(batch: Batch): boolean {
    const state = this.#state;
    if (state.name !== 'reading') return false;
    if (batch.firstSeq === 0) return true;
    if (!batch.isUnbroken || batch.firstSeq !== state.seq + 1) return false;
    state.seq = batch.lastSeq;
    return true;
  }

  /** Where a single message stands; if it comes next, the reader has it from then on. */
  takeOne({ seq }: Message): Place {
    const state = this.#state;
    if (seq === 0) return 'passing';
    if (state.name !== 'reading' || seq <= state.seq) return 'known';
    if (seq > state.seq + 1) return 'ahead';
    state.seq = seq;
    return 'next';
  }

  /** May be called at any time, and again. */
  leave(): void {
    const before = this.#state;
    this.#state = { name: 'left' };
    this.#pause.end();
    if ('room' in before && before.room) this.#options.rooms.leave(before.room, this.#options.member);
  }

  /** Undefined if the reader has left. */
  async #firstHead(state: State): Promise<Head | undefined> {
    const until = performance.now() + (this.#options.patience?.joinMs ?? 0);
    for (let failures = 1; this.#state === state; failures += 1) {
      try {
        const head = await this.#options.log.head();
        return this.#state === state ? head : undefined;
      } catch (error) {
        if (this.#state !== state) break;
        const waitMs = backoffMs(failures, storeBackoff);
        if (performance.now() + waitMs > until) throw error;
        await this.#pause.wait(waitMs);
      }
    }
    return undefined;
  }

  /** Undefined if the reader has left. */
  async #page(state: Reading): Promise<LogPage | undefined> {
    const { patience } = this.#options;
    for (let failures = 1; this.#state === state; failures += 1) {
      try {
        const page = await state.room.read(state.seq);
        return this.#state === state ? page : undefined;
      } catch (error) {
        if (this.#state !== state) break;
        if (!patience) throw error;
        if (failures === 1) patience.away(error);
        await this.#pause.wait(backoffMs(failures, storeBackoff));
      }
    }
    return undefined;
  }
}
