/** Sources that broke off: for how long their meetings wait for them, and what follows if they stay away. */
import type { Source } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';

/** What follows if a source stays away. Nothing of it rejects. */
export interface Parting {
  /** Gives its claim back, and says what becomes of the meeting. */
  leaveMeeting(): Promise<void>;
  /** Not if it is another node's: the registry knows whether that holds up the meeting, and not this wait. */
  readonly claim?: VacantClaim;
}

/** A claim of this node, whose sender is gone. */
export interface VacantClaim {
  /** Aborts when somebody else wants to send the source. */
  readonly wanted: AbortSignal;
  /** Says the source's last words, or that they are missing: at once if somebody else wants to send it. */
  sayLastWords(): Promise<void>;
  /** Gives it to whoever wants it. What becomes of the meeting is then up to them, if they are let in. */
  release(): Promise<void>;
}

interface Waiting {
  readonly meeting: MeetingRef;
  readonly source: Source;
  readonly parting: Parting;
  /** Of `performance.now()`. */
  readonly deadline: number;
  timer: NodeJS.Timeout | undefined;
  /** Senders of the source that stand at the door. */
  holds: number;
  saidLastWords: Promise<void> | undefined;
}

export class Grace {
  readonly #graceMs: number;
  readonly #waiting = new Map<string, Waiting>();
  /** What is being done for sources that are waited for no longer, or are wanted by others. */
  readonly #doing = new Set<Promise<void>>();
  #isClosed = false;

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** Waits for the source to come back to this node. Its claim is or becomes vacant, and is held meanwhile. */
  begin(meeting: MeetingRef, source: Source, parting: Parting): void {
    this.#forget(meeting, source);
    const deadline = performance.now() + (this.#isClosed ? 0 : this.#graceMs);
    const about = { meeting, source, parting, deadline };
    const waiting: Waiting = { ...about, timer: undefined, holds: 0, saidLastWords: undefined };
    this.#waiting.set(keyOf(meeting, source), waiting);
    this.#schedule(waiting);
    const { claim } = parting;
    if (claim?.wanted.aborted) this.#releaseForNewcomer(waiting, claim);
    else
      claim?.wanted.addEventListener('abort', () => this.#releaseForNewcomer(waiting, claim), { once: true });
  }

  /** Somebody may be the source: nobody gives it up until the returned function says that it was not. */
  hold(meeting: MeetingRef, source: Source): () => void {
    const waiting = this.#waiting.get(keyOf(meeting, source));
    if (!waiting) return () => {};
    clearTimeout(waiting.timer);
    waiting.holds += 1;
    return () => {
      waiting.holds -= 1;
      if (waiting.holds === 0 && this.#isWaiting(waiting)) this.#schedule(waiting);
    };
  }

  /** The source is there again. */
  end(meeting: MeetingRef, source: Source): void {
    this.#forget(meeting, source);
  }

  /** Whether a source of the meeting that broke off here may come back to this node. */
  isOpen(meeting: MeetingRef): boolean {
    return [...this.#waiting.values()].some(
      (each) => meetingKey(each.meeting) === meetingKey(meeting) && each.parting.claim !== undefined,
    );
  }

  /** Waits for nobody any longer; resolves when what follows is done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const waiting of [...this.#waiting.values()]) this.#giveUp(waiting);
    await Promise.all(this.#doing);
  }

  #schedule(waiting: Waiting): void {
    const leftMs = Math.max(0, waiting.deadline - performance.now());
    waiting.timer = setTimeout(() => this.#giveUp(waiting), leftMs);
  }

  #giveUp(waiting: Waiting): void {
    this.#forget(waiting.meeting, waiting.source);
    this.#do(async () => {
      const { parting } = waiting;
      if (parting.claim) await this.#sayLastWords(waiting, parting.claim);
      await parting.leaveMeeting();
    });
  }

  /** The time goes on: whoever wants the source may yet be refused, or leave. */
  #releaseForNewcomer(waiting: Waiting, claim: VacantClaim): void {
    if (!this.#isWaiting(waiting)) return;
    this.#do(async () => {
      await this.#sayLastWords(waiting, claim);
      await claim.release();
    });
  }

  #sayLastWords(waiting: Waiting, claim: VacantClaim): Promise<void> {
    waiting.saidLastWords ??= claim.sayLastWords();
    return waiting.saidLastWords;
  }

  #do(act: () => Promise<void>): void {
    const doing = act();
    this.#doing.add(doing);
    void doing.then(() => this.#doing.delete(doing));
  }

  #isWaiting(waiting: Waiting): boolean {
    return this.#waiting.get(keyOf(waiting.meeting, waiting.source)) === waiting;
  }

  #forget(meeting: MeetingRef, source: Source): void {
    const key = keyOf(meeting, source);
    clearTimeout(this.#waiting.get(key)?.timer);
    this.#waiting.delete(key);
  }
}

const keyOf = (meeting: MeetingRef, source: Source): string => `${meetingKey(meeting)}/${source}`;
