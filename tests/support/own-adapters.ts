/** Every adapter, written by somebody who has only what the packages export: it is compiled against what is published. */
import { publish, type SubscriptionEvent, subscribe, type TranscriptFinal } from '@meetcast/client';
import {
  type AppendOptions,
  type AudioFormat,
  type AudioNote,
  AuthError,
  type Authenticator,
  type Bus,
  type Claim,
  type ClaimOptions,
  type Cluster,
  createTranscriptHub,
  type Full,
  type Grant,
  type Head,
  type Held,
  type HubCounts,
  type HubEvent,
  type LastSession,
  type LogEntry,
  type Logged,
  type LoggedEvent,
  type LogPage,
  type MeetingCounts,
  type MeetingInfo,
  type MeetingRef,
  type MeetingState,
  memoryRegistry,
  memoryStore,
  type Numbering,
  type Observe,
  type OrphanedClaim,
  type Page,
  type PageRequest,
  type Permission,
  type Reach,
  type RecognitionResult,
  type Recognizer,
  RecognizerError,
  type RecognizerRequest,
  type RecognizerStream,
  type Registry,
  type Remote,
  type RemoteState,
  type Retraction,
  type SearchHit,
  type Seat,
  type Source,
  type Store,
  type TimedWord,
  type TranscriptHub,
  type Unsubscribe,
} from '@meetcast/server';

class OwnRemote implements Remote {
  async ping(): Promise<void> {}

  watch(onChange: (state: RemoteState, error?: Error) => void): void {
    onChange('back');
  }
}

export class OwnBus implements Bus {
  readonly remote: Remote = new OwnRemote();
  readonly #listeners = new Map<string, Set<(bytes: Uint8Array) => void>>();

  async publish({ tenant, id }: MeetingRef, bytes: Uint8Array): Promise<void> {
    for (const listener of this.#listeners.get(`${tenant}/${id}`) ?? []) listener(bytes);
  }

  async subscribe({ tenant, id }: MeetingRef, listener: (bytes: Uint8Array) => void): Promise<Unsubscribe> {
    const there = this.#listeners.get(`${tenant}/${id}`) ?? new Set();
    this.#listeners.set(`${tenant}/${id}`, there.add(listener));
    return async () => void there.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }
}

/** Wraps another one, method by method: each of them has to be named. */
export class OwnStore implements Store {
  readonly #inner: Store = memoryStore();

  append(
    meeting: MeetingRef,
    entry: LogEntry,
    { reach, epoch, raw, words }: AppendOptions = {},
  ): Promise<Logged> {
    const timed: readonly TimedWord[] | undefined = words;
    return this.#inner.append(meeting, entry, { reach, epoch, raw, words: timed });
  }

  async read(meeting: MeetingRef, after: number, limit: number): Promise<LogPage> {
    const { epoch, events } = await this.#inner.read(meeting, after, limit);
    const copied: readonly LoggedEvent[] = [...events];
    return { epoch, events: copied };
  }

  head(meeting: MeetingRef): Promise<Head> {
    return this.#inner.head(meeting);
  }

  cover(meeting: MeetingRef, reach: Reach, epoch?: string): Promise<number> {
    return this.#inner.cover(meeting, reach, epoch);
  }

  covered(meeting: MeetingRef, source: Source): Promise<number> {
    return this.#inner.covered(meeting, source);
  }

  lastSession(meeting: MeetingRef, source: Source): Promise<LastSession | undefined> {
    return this.#inner.lastSession(meeting, source);
  }

  raw(meeting: MeetingRef, seq: number): Promise<string | undefined> {
    return this.#inner.raw(meeting, seq);
  }

  transcript(meeting: MeetingRef, after: number, limit: number): Promise<readonly TranscriptFinal[]> {
    return this.#inner.transcript(meeting, after, limit);
  }

  meeting(meeting: MeetingRef): Promise<MeetingInfo | undefined> {
    return this.#inner.meeting(meeting);
  }

  meetings(tenant: string, page: PageRequest): Promise<Page<MeetingInfo>> {
    return this.#inner.meetings(tenant, page);
  }

  search(
    where: { tenant: string; id?: string },
    terms: readonly string[],
    page: PageRequest,
  ): Promise<Page<SearchHit>> {
    return this.#inner.search(where, terms, page);
  }

  retract(meeting: MeetingRef, what: Retraction, ts: string): Promise<Logged> {
    return this.#inner.retract(meeting, what, ts);
  }

  forget(meeting: MeetingRef): Promise<boolean> {
    return this.#inner.forget(meeting);
  }

  ping(): Promise<void> {
    return this.#inner.ping();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

export class OwnRegistry implements Registry {
  readonly #inner: Registry = memoryRegistry();
  readonly #notes: AudioNote[] = [];

  async claim(
    meeting: MeetingRef,
    source: Source,
    session: string,
    options?: ClaimOptions,
  ): Promise<Claim | Held> {
    const claim = await this.#inner.claim(meeting, source, session, options);
    if (claim.kind === 'held') return claim;
    return { ...claim, note: (audio) => void this.#notes.push({ ...audio, source }) };
  }

  seat(meeting: MeetingRef, connection: string, seats: number): Promise<Seat | Full> {
    return this.#inner.seat(meeting, connection, seats);
  }

  counts(meeting: MeetingRef): Promise<MeetingCounts> {
    return this.#inner.counts(meeting);
  }

  totals(): Promise<HubCounts> {
    return this.#inner.totals();
  }

  nextSegmentNo(meeting: MeetingRef, atLeast: number): Promise<number> {
    return this.#inner.nextSegmentNo(meeting, atLeast);
  }

  numbering(meeting: MeetingRef, atLeast: number): Promise<Numbering> {
    return this.#inner.numbering(meeting, atLeast);
  }

  /** What a wrapped one does not tell, nobody would hear of. */
  watchOrphaned(againMs: number, onOrphaned: (orphan: OrphanedClaim) => void): () => void {
    const end = this.#inner.watchOrphaned?.(againMs, ({ release, ...orphan }) => {
      onOrphaned({ ...orphan, release: (): Promise<MeetingState | undefined> => release() });
    });
    return () => end?.();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

export class OwnRecognizer implements Recognizer {
  channelsFor(format: AudioFormat): number {
    return format.channels;
  }

  async open(request: RecognizerRequest, signal: AbortSignal): Promise<RecognizerStream> {
    signal.throwIfAborted();
    if (request.sampleRate > 48_000)
      throw new RecognizerError('no more than 48 kHz is heard here', { retryable: false });
    async function* results(): AsyncGenerator<RecognitionResult> {
      yield { kind: 'utterance-end', channel: 0 };
    }
    return {
      channels: this.channelsFor(request),
      results: results(),
      write: () => undefined,
      flush() {},
      finish() {},
      abort() {},
    };
  }
}

const everything: ReadonlySet<Permission> = new Set<Permission>(['subscribe', 'publish', 'manage']);

export const ownAuthenticator: Authenticator = async (token): Promise<Grant> => {
  if (token === '') throw new AuthError('no token came');
  const expiresAt = Date.now() + 60_000;
  return { userId: 'u', tenant: 'acme', email: 'u@acme.test', role: 'host', expiresAt, may: everything };
};

const failures: unknown[] = [];
const observe: Observe = (event: HubEvent) => {
  if (event.type === 'error') failures.push(event.error);
};

export function ownHub(): TranscriptHub {
  const [bus, registry] = [new OwnBus(), new OwnRegistry()];
  const cluster: Cluster = {
    bus,
    registry,
    async close() {
      await Promise.all([bus.close(), registry.close()]);
    },
  };
  const store = new OwnStore();
  return createTranscriptHub({
    auth: ownAuthenticator,
    recognizer: new OwnRecognizer(),
    store,
    cluster,
    observe,
  });
}

/** What a program does with what it hears. */
export function texts(url: string, token: string): () => readonly string[] {
  const subscription = subscribe({ url, meeting: 'm', token });
  const heard: SubscriptionEvent[] = [];
  subscription.on('event', (event) => heard.push(event));
  const finals = (): TranscriptFinal[] => heard.filter((event) => event.type === 'transcript.final');
  return () => finals().map(({ text }) => text);
}

export const sendTo = (url: string, token: string, source: Source) =>
  publish({ url, meeting: 'm', token, source, sampleRate: 16_000 });
