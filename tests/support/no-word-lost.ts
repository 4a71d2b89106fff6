/** Meetings of every shape, spoken by the real client: each word said must be stored and seen once, where it was said. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Finalized,
  type Publisher,
  type PublishOptions,
  publish,
  type Subscription,
  subscribe,
} from '@meetcast/client';
import type { Gap, LoggedEvent, Source, Status, TranscriptFinal } from '@meetcast/protocol';
import {
  interleave,
  paced,
  randomWords,
  realPace,
  type SpokenWord,
  speak,
  spokenWords,
  timeErrors,
  timeToleranceMs,
} from '@meetcast/testing';
import { expect, vi } from 'vitest';
import { storedFinals } from '../../packages/testing/src/chaos/tested-hub.ts';
import { expectLog, finalsIn } from './watched-meeting.ts';

/** Who sends what. Both channels of `stereo` say the same and are heard as one; those of `apart` are two speakers. */
export const shapes = ['mono', 'two sources', 'stereo', 'apart'] as const;
export type Shape = (typeof shapes)[number];

const sampleRate = 16_000;
const soon = { timeout: 60_000, interval: 5 };

/** The words of one speaker, from the sender's first sample. */
interface Line {
  readonly speaker: string;
  readonly words: readonly SpokenWord[];
}

/** One sender's audio, 16-bit. */
export interface Part {
  readonly source: Source;
  readonly sampleRate: number;
  readonly channels: number;
  readonly pcm: Buffer;
  readonly ms: number;
  readonly lines: readonly Line[];
}

/** How many recognizer streams a meeting of each shape has. */
export const streamsOf: Readonly<Record<Shape, number>> = { mono: 1, 'two sources': 2, stereo: 1, apart: 1 };

/**
 * All parts pause and speak at the same instants, so that one place in the audio is in a word of each, or in none; the
 * second channel of `apart` has a rhythm of its own.
 */
export function partsOf(shape: Shape, words: number, seed: number): Part[] {
  const voice = (speaker: number, channels = 1) => voiceOf(words, seed, speaker, { channels });
  const part = (source: Source, speaker: number, channels = 1): Part => {
    const { pcm, ms, words: said } = voice(speaker, channels);
    return { source, sampleRate, channels, pcm, ms, lines: [{ speaker: String(speaker), words: said }] };
  };
  if (shape === 'mono') return [part('mic', 0)];
  if (shape === 'two sources') return [part('mic', 0), part('system', 1)];
  if (shape === 'stereo') return [part('mic', 0, 2)];
  const [left, right] = [voice(0), voiceOf(words, seed, 1, { rhythm: 1 })];
  const both = interleave([samplesOf(left.pcm), samplesOf(right.pcm)]);
  const lines = [
    { speaker: '0', words: left.words },
    { speaker: '1', words: right.words },
  ];
  const ms = Math.max(left.ms, right.ms);
  return [{ source: 'mic', sampleRate, channels: 2, pcm: bytesOf(both), ms, lines }];
}

/**
 * Long stretches, in which a recognizer tells finals before the speaker pauses, and short ones. The second rhythm pauses
 * elsewhere.
 */
const rhythms = [
  [17, 3, 6, 1],
  [5, 14, 2, 9],
] as const;

/** One speaker's words, and its audio. */
function voiceOf(count: number, seed: number, speaker: number, { channels = 1, rhythm = 0 } = {}) {
  const words = randomWords(count, 6_000 * speaker + seed);
  const pieces: Buffer[] = [];
  const spoken: SpokenWord[] = [];
  let ms = 0;
  const lengths = rhythms[rhythm] ?? rhythms[0];
  for (let from = 0, phrase = 0; from < count; phrase += 1) {
    const said = words.slice(from, from + (lengths[phrase % lengths.length] ?? 1));
    const samples = speak(said, { sampleRate, channels, speaker });
    pieces.push(bytesOf(samples));
    spoken.push(...spokenWords(said, ms));
    ms += (samples.length / channels / sampleRate) * 1_000;
    from += said.length;
  }
  return { words: spoken, pcm: Buffer.concat(pieces), ms };
}

const samplesOf = (pcm: Buffer) =>
  new Int16Array(pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.length));
const bytesOf = (samples: Int16Array) => Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);

/** A place in the audio of every part: in the middle of a word, or in the pause behind it. */
export function placeMs(
  words: number,
  seed: number,
  where: 'in a word' | 'between words',
  share = 0.5,
): number {
  const said = voiceOf(words, seed, 0).words;
  const { startMs, endMs } = said[Math.floor(words * share)] ?? { startMs: 0, endMs: 0 };
  return where === 'in a word' ? (startMs + endMs) / 2 : endMs + 50;
}

/** A part, and where on the meeting's clock its audio begins, if that is known. */
interface Heard {
  readonly part: Part;
  fromMs: number | undefined;
}

export interface Voice extends Heard {
  readonly publisher: Publisher;
  /** Audio written so far. */
  writtenMs: number;
  /** What it was told is wrong, and how its link fared. */
  readonly errors: string[];
  readonly breaks: string[];
  readonly statuses: (Status & { at: number })[];
}

export interface MeetingOptions extends Omit<PublishOptions, 'meeting' | 'source' | 'url'> {
  meeting: string;
  parts: readonly Part[];
  /** Where the senders and the viewer go. */
  url: string;
  /** Where the transcript is read, past every fault. */
  rest: string;
  /** Whether other processes send the parts. Default false. */
  isSentElsewhere?: boolean;
}

type Seen = LoggedEvent & { at: number };

/** A meeting that somebody sees from its beginning to its end. */
export class Meeting {
  readonly id: string;
  /** Nobody, if the parts are sent elsewhere. */
  readonly voices: readonly Voice[];
  readonly viewer: Subscription;
  readonly seen: Seen[] = [];
  /** Also those that are not logged. */
  readonly statuses: (Status & { at: number })[] = [];
  readonly options: MeetingOptions;
  readonly #heard: readonly Heard[];
  #resets = 0;

  constructor(options: MeetingOptions) {
    const { meeting, parts, rest: _, isSentElsewhere = false, ...link } = options;
    this.options = options;
    this.id = meeting;
    this.viewer = subscribe({ ...link, meeting });
    this.viewer.on('event', (event) => {
      const at = performance.now();
      if (event.type === 'status') this.statuses.push({ ...event, at });
      if ('seq' in event && event.seq !== undefined) this.seen.push({ ...(event as LoggedEvent), at });
    });
    this.viewer.on('reset', () => {
      this.#resets += 1;
    });
    this.voices = isSentElsewhere ? [] : parts.map((part) => senderOf(part, { ...link, meeting }));
    this.#heard = isSentElsewhere ? parts.map((part) => ({ part, fromMs: undefined })) : this.voices;
  }

  /** Resolves when the viewer and, unless it is said otherwise, the senders are connected. */
  async joined(who: 'everybody' | 'viewer' = 'everybody'): Promise<void> {
    const all = [this.viewer, ...(who === 'viewer' ? [] : this.voices.map(({ publisher }) => publisher))];
    const expected = all.map(() => 'connected');
    await vi.waitFor(() => expect(all.map(({ connection }) => connection)).toEqual(expected), soon);
  }

  /** As a microphone does: at its pace, whatever becomes of the hub. */
  async speak(speedUp: number): Promise<void> {
    await Promise.all(this.voices.map((voice) => sayAll(voice, speedUp)));
  }

  /** Resolves when everybody has said so much. */
  async reached(ms: number): Promise<void> {
    const all = this.voices;
    await vi.waitFor(
      () => expect(Math.min(...all.map(({ writtenMs }) => writtenMs))).toBeGreaterThanOrEqual(ms),
      soon,
    );
  }

  finalize(): Promise<Finalized[]> {
    return Promise.all(this.voices.map(({ publisher }) => publisher.finalize()));
  }

  leave(): void {
    this.viewer.close();
    for (const { publisher } of this.voices) publisher.close();
  }

  /** As it is read over HTTP. */
  stored(): Promise<TranscriptFinal[]> {
    const { rest, token } = this.options;
    return storedFinals({ url: rest, token }, this.id);
  }

  /** Every word up to the end of the last gap, and after it, is in the log once or in a gap; resolves with the gaps. */
  async expectToldGaps(): Promise<Gap[]> {
    const entries = this.seen.map(({ at: _, ...event }) => event as LoggedEvent);
    expectLog(entries, this.id);
    expect(finalsIn(entries), `what the viewer of ${this.id} saw`).toEqual(await this.stored());
    const gaps = entries.filter((event) => event.type === 'gap');
    for (const heard of this.#heard) expectStoredOrGap(this.id, entries, gaps, heard);
    return gaps;
  }

  /** Words said = stored = seen, each once, in order and where it was said; `ended` is the last of it. */
  async expectWhole({ gaps = 0 } = {}): Promise<void> {
    const { id, seen } = this;
    const last = () => seen.filter(({ type }) => type === 'status').at(-1);
    await vi.waitFor(
      () => expect(last(), `the last status of ${id}`).toMatchObject({ status: 'ended' }),
      soon,
    );
    const entries = seen.map(({ at: _, ...event }) => event as LoggedEvent);
    expectLog(entries, id);
    expect(entries.at(-1), `the last entry of ${id}`).toMatchObject({ type: 'status', status: 'ended' });
    expect(this.#resets).toBe(0);
    expect(entries.filter(({ type }) => type === 'gap').length, `gaps of ${id}`).toBe(gaps);
    const stored = await this.stored();
    expect(finalsIn(entries), `what the viewer of ${id} saw`).toEqual(stored);
    for (const heard of this.#heard) expectHeard(id, stored, heard);
    const wordsSaid = this.#heard.flatMap(({ part }) => part.lines.flatMap(({ words }) => words)).length;
    const wordsStored = stored.reduce((sum, { text }) => sum + text.split(' ').length, 0);
    expect(wordsStored, `words of ${id} that somebody said`).toBe(wordsSaid);
  }
}

function senderOf(part: Part, link: Omit<MeetingOptions, 'parts' | 'rest'>): Voice {
  const { source, sampleRate, channels } = part;
  const publisher = publish({ ...link, source, sampleRate, channels });
  const voice: Voice = {
    part,
    publisher,
    fromMs: undefined,
    writtenMs: 0,
    errors: [],
    breaks: [],
    statuses: [],
  };
  publisher.on('connection', ({ status, code, reason }) => {
    if (status === 'connected') voice.fromMs ??= publisher.receivedMs;
    else if (status !== 'closed') voice.breaks.push(`${status} ${code ?? ''} ${reason ?? ''}`);
  });
  publisher.on('error', ({ message }) => voice.errors.push(message));
  publisher.on('status', (status) => voice.statuses.push({ ...status, at: performance.now() }));
  return voice;
}

/** Small, so that whoever waits for a place in a word does not find it over. */
const pieceMs = 20;

async function sayAll(voice: Voice, speedUp: number): Promise<void> {
  const { sampleRate, channels } = voice.part;
  const bytesPerSecond = sampleRate * channels * 2;
  const pace = realPace(bytesPerSecond, speedUp, new AbortController().signal);
  for await (const piece of paced(piecesOf(voice.part), pace)) {
    voice.publisher.write(new Uint8Array(piece)).catch(() => {});
    voice.writtenMs += (piece.length * 1_000) / bytesPerSecond;
    await nextTurn();
  }
}

function* piecesOf({ pcm, sampleRate, channels }: Part): Generator<Buffer> {
  const pieceBytes = (pieceMs * sampleRate * channels * 2) / 1_000;
  for (let at = 0; at < pcm.length; at += pieceBytes) yield pcm.subarray(at, at + pieceBytes);
}

function expectHeard(id: string, stored: readonly TranscriptFinal[], { part, ...heard }: Heard): void {
  const { source } = part;
  const fromMs = heard.fromMs ?? beginningOf(part, stored);
  for (const { speaker, words } of part.lines) {
    const finals = stored.filter((final) => final.meta?.source === source && final.speaker === speaker);
    const who = `${source}, speaker ${speaker} of ${id}`;
    const texts = finals.flatMap(({ text }) => text.split(' '));
    expect(texts, `stored words of ${who}`).toEqual(words.map(({ text }) => text));
    for (const { word, segment, ms } of timeErrors(words, finals, { fromMs }))
      expect(ms, `"${word.text}" in "${segment.text}" of ${who} is off, in ms`).toBeLessThanOrEqual(
        timeToleranceMs,
      );
  }
}

/** Where on the meeting's clock a part begins, by its first word. */
function beginningOf({ source, lines }: Part, stored: readonly TranscriptFinal[]): number {
  const first = stored.find(({ meta }) => meta?.source === source);
  return (first?.start_ms ?? 0) - (lines[0]?.words[0]?.startMs ?? 0);
}

/** A word at the edge of a gap may be in both or in none, and a gap may be of one channel only. */
function expectStoredOrGap(
  id: string,
  entries: readonly LoggedEvent[],
  gaps: readonly Gap[],
  { part, fromMs = 0 }: Heard,
): void {
  const { source } = part;
  const own = gaps.filter((gap) => gap.source === source);
  for (const { speaker, words } of part.lines) {
    const finals = finalsIn(entries).filter(
      (final) => final.meta?.source === source && final.speaker === speaker,
    );
    const stored = finals.flatMap(({ text }) => text.split(' '));
    const reachMs = Math.max(0, ...own.map(({ end_ms }) => end_ms), ...finals.map(({ end_ms }) => end_ms));
    const told: string[] = [];
    for (const { text, startMs, endMs } of words) {
      const [start, end] = [fromMs + startMs, fromMs + endMs];
      if (start >= reachMs - timeToleranceMs) continue;
      const gap = own.find(({ start_ms, end_ms }) => start_ms < end && start < end_ms);
      const isWithin = gap && gap.start_ms <= start && end <= gap.end_ms && part.lines.length === 1;
      if (gap === undefined || (!isWithin && stored[told.length] === text)) told.push(text);
    }
    expect(stored, `words of ${source}, speaker ${speaker} of ${id} outside its gaps`).toEqual(told);
  }
}
