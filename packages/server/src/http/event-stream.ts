/** A meeting's log as Server-Sent Events: what the subscriber socket would send, event by event. */
import { type CloseWord, isRetryable, type SubscriberDownstream } from '@meetcast/protocol';
import { longestTimerMs } from '../lib/limits.ts';
import { closeText, tokenText, welcomeText } from '../lib/sentences.ts';
import type { Seat } from '../registry/registry.ts';
import type { LogPage } from '../store/store.ts';
import { LogFollower } from '../viewers/log-follower.ts';
import { LogReader, type Opening } from '../viewers/log-reader.ts';
import type { ResumePoint } from '../viewers/resume-point.ts';
import type { Viewer } from '../viewers/viewers.ts';
import type { MeetingCall } from './endpoint.ts';
import { type HubResponse, problem } from './exchange.ts';

// `no-transform`: a proxy that compresses would hold events back.
const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

export async function eventStream(call: MeetingCall, start: ResumePoint): Promise<HubResponse> {
  const { context, meeting } = call;
  const { subscribersPerMeeting } = context.limits;
  const connection = crypto.randomUUID();
  const seat = await context.registry.seat(meeting, connection, subscribersPerMeeting);
  if (seat.kind === 'full') {
    const detail = closeText.tooManyViewers(subscribersPerMeeting);
    return problem(503, 'connection_limit', detail);
  }
  const stream = new EventStream(call, connection, seat);
  await stream.open(start);
  return { status: 200, headers, body: stream };
}

/** Why a stream ends that its reader did not leave, and what the reader is told. */
const farewells = {
  restart: closeText.newLog,
  going_away: closeText.shuttingDown,
  token_expired: tokenText.expired,
  slow_consumer: closeText.tooSlow,
  internal_error: closeText.unreadable,
} as const satisfies Partial<Record<CloseWord, string>>;

type Farewell = keyof typeof farewells;

/*
 *   opening ──▶ open ──▶ ended
 *      └──────────────────┘
 */
type State =
  | { readonly name: 'opening' | 'open' }
  | { readonly name: 'ended'; readonly farewell: Farewell | undefined };

class EventStream implements AsyncIterableIterator<string>, Viewer {
  readonly #call: MeetingCall;
  readonly #connection: string;
  readonly #seat: Seat;
  readonly #follower = new LogFollower();
  readonly #reader: LogReader;
  readonly #undo: (() => void)[] = [];
  #state: State = { name: 'opening' };
  #pieces: AsyncGenerator<string> | undefined;
  #patience: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(call: MeetingCall, connection: string, seat: Seat) {
    this.#call = call;
    this.#connection = connection;
    this.#seat = seat;
    const { log, rooms, limits } = call.context;
    this.#reader = new LogReader({
      log: log(call.meeting),
      rooms,
      member: this.#follower,
      historyEntries: limits.historyEntries,
    });
    this.#report('joining');
    this.#undo.push(call.context.viewers.enter(this));
    this.#endWith(call.request.signal);
    this.#watchToken();
  }

  /** Joins the room and looks where the log is; after a failure nothing is held. */
  async open(start: ResumePoint): Promise<void> {
    try {
      const opening = await this.#reader.open(start);
      if (!opening || this.#state.name !== 'opening') return;
      this.#state = { name: 'open' };
      this.#report('live');
      this.#pieces = this.#read(opening);
      this.#awaitReader();
    } catch (error) {
      this.#end(undefined);
      throw error;
    }
  }

  leave(): void {
    this.#end('going_away');
  }

  async next(): Promise<IteratorResult<string>> {
    clearTimeout(this.#patience);
    const piece = await this.#pieces?.next();
    if (!piece || piece.done) return this.return();
    if (this.#state.name !== 'ended') this.#awaitReader();
    return piece;
  }

  /** The reader leaves, in whatever it is. */
  async return(): Promise<IteratorResult<string>> {
    this.#end(undefined);
    await this.#pieces?.return(undefined);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Everything after the start, then what comes, then why that was all. */
  async *#read(opening: Opening): AsyncGenerator<string> {
    yield sse(this.#greeting(opening), `${opening.head.epoch}:${this.#reader.seq}`);
    const { context, meeting } = this.#call;
    const outage = context.outageMessage(meeting);
    if (outage) this.#follower.hold(outage);
    for (const partial of this.#reader.partials) this.#follower.hold(partial);
    try {
      yield* this.#follow();
    } catch (error) {
      context.observe({ type: 'error', stage: 'store', meeting, error });
      this.#end('internal_error');
    }
    if (this.#state.name === 'ended' && this.#state.farewell) yield sse(farewell(this.#state.farewell));
  }

  async *#follow(): AsyncGenerator<string> {
    const { heartbeatMs } = this.#call.context.limits;
    while (this.#state.name === 'open') {
      const next = await this.#reader.next();
      if (this.#state.name !== 'open') return;
      if (next === 'over') return this.#end('restart');
      if (next !== 'level') {
        yield entries(next);
        continue;
      }
      const passing = this.#follower.takePassing().filter((message) => this.#reader.stands(message));
      if (passing.length > 0) yield passing.map(({ text }) => `data: ${text}\n\n`).join('');
      const news = await this.#follower.wait(heartbeatMs);
      if (news === 'restarted') return this.#end('restart');
      if (news === 'nothing') yield ': still here\n\n';
    }
  }

  #greeting({ head, recovered }: Opening): SubscriberDownstream {
    return {
      type: 'connected',
      meeting_id: this.#call.meeting.id,
      message: welcomeText.viewer(this.#call.meeting.id),
      connection_id: this.#connection,
      epoch: head.epoch,
      seq: head.seq,
      recovered,
      heartbeat_ms: this.#call.context.limits.heartbeatMs,
    };
  }

  #report(state: string): void {
    const { context, meeting } = this.#call;
    context.observe({ type: 'subscriber', state, connection: this.#connection, meeting });
  }

  #endWith(signal: AbortSignal): void {
    if (this.#state.name === 'ended') return;
    const end = () => this.#end(undefined);
    if (signal.aborted) return end();
    signal.addEventListener('abort', end);
    this.#undo.push(() => signal.removeEventListener('abort', end));
  }

  /** Who does not come for the next piece within two heartbeats gives up the seat. */
  #awaitReader(): void {
    const ms = Math.min(this.#call.context.limits.heartbeatMs * 2, longestTimerMs);
    this.#patience = setTimeout(() => this.#end('slow_consumer'), ms);
  }

  #watchToken(): void {
    if (this.#state.name === 'ended') return;
    const leftMs = this.#call.grant.expiresAt - Date.now();
    if (leftMs <= 0) return this.#end('token_expired');
    this.#expiry = setTimeout(() => this.#watchToken(), Math.min(leftMs, longestTimerMs));
  }

  /** The one door out: gives back everything at once, wherever the reader is; what is left to say is said after. */
  #end(farewell: Farewell | undefined): void {
    const before = this.#state;
    if (before.name === 'ended') return;
    this.#state = { name: 'ended', farewell };
    this.#report('closed');
    clearTimeout(this.#patience);
    clearTimeout(this.#expiry);
    for (const undo of this.#undo) undo();
    this.#reader.leave();
    this.#follower.wake();
    const { context, meeting } = this.#call;
    this.#seat.release().catch((error: unknown) => {
      context.observe({ type: 'error', stage: 'subscriber', meeting, error });
    });
  }
}

const entries = ({ epoch, events }: LogPage): string =>
  events.map((event) => sse(event, `${epoch}:${event.seq}`)).join('');

function sse(message: SubscriberDownstream, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`;
}

const farewell = (code: Farewell): SubscriberDownstream => ({
  type: 'error',
  code,
  message: farewells[code],
  retryable: isRetryable(code),
});
