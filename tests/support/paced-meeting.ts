/** A meeting at the pace of life: both sources speak, a viewer notes when it sees what, and then it adds up. */
import { type Publisher, publish, type Subscription, subscribe } from '@meetcast/client';
import type { Source, TranscriptFinal } from '@meetcast/protocol';
import { type Speech, speech, wordsIn } from './speech.ts';
import { mintToken } from './start-hub.ts';

const frameMs = 100;
const bytesPerMs = 32;

export interface PacedOptions {
  port: number;
  meeting?: string;
  /** How long each source speaks, about. */
  ms: number;
  seed?: number;
  /** How many times real time. */
  speedUp?: number;
}

/** One sighting of words by the viewer. */
interface Sighting {
  at: number;
  segmentNo: number;
  source: Source;
  /** When its words began to be said, on the viewer's clock. */
  saidAt: number;
  text: string;
  isFinal: boolean;
}

export interface Ack {
  at: number;
  source: Source;
  durableMs: number;
}

/** How long after it was said a final was seen: its words, in whatever form, and the final itself. */
export interface Latency {
  saidAt: number;
  seenMs: number;
  storedMs: number;
}

export const sources = ['mic', 'system'] as const;

export class PacedMeeting {
  readonly said: Record<Source, Speech>;
  readonly viewer: Subscription;
  readonly publishers: Record<Source, Publisher>;
  readonly sightings: Sighting[] = [];
  readonly finals: (TranscriptFinal & { at: number })[] = [];
  readonly seqs: number[] = [];
  readonly acks: Ack[] = [];
  /** What the viewer and the senders were told, such as `viewer degraded`. */
  readonly statuses: { at: number; who: string; status: string; isLogged: boolean }[] = [];
  /** Every link that was lost. */
  readonly breaks: string[] = [];
  readonly #speedUp: number;
  readonly #began: Record<Source, number> = { mic: 0, system: 0 };

  constructor(options: PacedOptions, token: string) {
    const { port, meeting = 'm', ms, seed = 1, speedUp = 1 } = options;
    this.#speedUp = speedUp;
    this.said = { mic: speechOf(ms, seed), system: speechOf(ms, seed + 1) };
    const shared = { url: `http://127.0.0.1:${port}`, meeting, token, backoff: { minMs: 50, maxMs: 300 } };
    this.viewer = subscribe(shared);
    this.publishers = {
      mic: publish({ ...shared, source: 'mic', sampleRate: 16_000 }),
      system: publish({ ...shared, source: 'system', sampleRate: 16_000 }),
    };
    this.#watch();
    for (const source of sources) this.#listen(source);
  }

  /** Both sources say all they have to say; resolves when both are stored. */
  async speak(): Promise<void> {
    await Promise.all(sources.map((source) => this.#say(source)));
  }

  close(): void {
    this.viewer.close();
    for (const source of sources) this.publishers[source].close();
  }

  /** The longest time between two sightings of words, within these instants. */
  longestGapMs(from: number, to: number): number {
    const instants = [from, ...this.sightings.map(({ at }) => at).filter((at) => at > from && at < to), to];
    return Math.max(...instants.slice(1).map((at, index) => at - (instants[index] ?? 0)));
  }

  /** When the newest words of a source that were seen began to be said. */
  newestShownAt(source: Source): number {
    return Math.max(0, ...this.sightings.filter((one) => one.source === source).map(({ saidAt }) => saidAt));
  }

  /** Of every final, in the order they were said. */
  get latencies(): Latency[] {
    return this.finals
      .map(({ at, segment_no, text, end_ms, meta }) => {
        const saidAt = (this.#began[meta?.source ?? 'mic'] ?? 0) + end_ms / this.#speedUp;
        const seen = this.sightings.find((one) => one.segmentNo === segment_no && one.text === text);
        return { saidAt, seenMs: (seen?.at ?? at) - saidAt, storedMs: at - saidAt };
      })
      .sort((one, other) => one.saidAt - other.saidAt);
  }

  seenWords(source: Source): string[] {
    return wordsIn(this.finals, source);
  }

  #watch(): void {
    this.viewer.on('event', (event) => {
      const at = performance.now();
      if ('seq' in event && event.seq !== undefined) this.seqs.push(event.seq);
      if (event.type === 'status') this.#told('viewer', event.status, event.seq !== undefined);
      if (event.type !== 'transcript.final' && event.type !== 'transcript.partial') return;
      const isFinal = event.type === 'transcript.final';
      const source = event.meta?.source ?? 'mic';
      const saidAt = this.#began[source] + event.start_ms / this.#speedUp;
      this.sightings.push({ at, segmentNo: event.segment_no, source, saidAt, text: event.text, isFinal });
      if (isFinal) this.finals.push({ ...event, at });
    });
    this.viewer.on('connection', ({ status, reason }) => {
      if (status === 'reconnecting') this.breaks.push(`viewer ${status} ${reason}`);
    });
  }

  #listen(source: Source): void {
    const publisher = this.publishers[source];
    publisher.on('ack', ({ durableMs }) => this.acks.push({ at: performance.now(), source, durableMs }));
    publisher.on('status', ({ status, seq }) => this.#told(source, status, seq !== undefined));
    publisher.on('connection', ({ status, reason }) => {
      if (status === 'reconnecting') this.breaks.push(`${source} ${status} ${reason}`);
    });
  }

  #told(who: string, status: string, isLogged: boolean): void {
    this.statuses.push({ at: performance.now(), who, status, isLogged });
  }

  async #say(source: Source): Promise<void> {
    const { pcm } = this.said[source];
    const publisher = this.publishers[source];
    const from = performance.now();
    this.#began[source] = from;
    const step = frameMs * bytesPerMs;
    for (let at = 0; at < pcm.length; at += step) {
      const dueMs = from + at / bytesPerMs / this.#speedUp - performance.now();
      if (dueMs > 1) await new Promise((resolve) => setTimeout(resolve, dueMs));
      publisher.write(new Uint8Array(pcm.subarray(at, at + step))).catch(() => {});
    }
    await publisher.finalize();
  }
}

export const pacedMeeting = async (options: PacedOptions): Promise<PacedMeeting> =>
  new PacedMeeting(options, await mintToken());

/** Speech of about this length. */
function speechOf(ms: number, seed: number): Speech {
  const probe = speech(100, seed);
  return speech(Math.max(1, Math.round((ms / probe.ms) * 100)), seed);
}
