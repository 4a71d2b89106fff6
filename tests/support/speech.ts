/** Words to say, as the bytes a sender sends, and the checks that they were heard. */
import type { Source, TranscriptFinal, TranscriptPartial } from '@meetcast/protocol';
import {
  randomWords,
  type SpeakOptions,
  type SpokenWord,
  speak,
  spokenWords,
  timeErrors,
  timeToleranceMs,
} from '@meetcast/testing';
import { expect } from 'vitest';
import type { Downstream, Viewer } from './peer.ts';
import type { Stage, TokenClaims } from './start-hub.ts';

export interface Speech {
  readonly words: readonly string[];
  readonly pcm: Buffer;
  readonly ms: number;
  /** When each word is said, in milliseconds from the first sample. */
  readonly times: readonly SpokenWord[];
}

/** Words from a seed, in phrases of one to six with half a second between them: speakers breathe. */
export function speech(count: number, seed: number, options: Partial<SpeakOptions> = {}): Speech {
  const { sampleRate = 16_000, channels = 1 } = options;
  const words = randomWords(count, seed);
  const pieces: Buffer[] = [];
  const times: SpokenWord[] = [];
  let ms = 0;
  for (
    let from = 0, length = 1 + (seed % 6);
    from < count;
    from += length, length = 1 + ((length + seed) % 6)
  ) {
    const phrase = words.slice(from, from + length);
    const samples = speak(phrase, { sampleRate, channels, ...options });
    pieces.push(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength));
    times.push(...spokenWords(phrase, ms));
    ms += (samples.length / channels / sampleRate) * 1000;
  }
  return { words, pcm: Buffer.concat(pieces), ms, times };
}

export type Said = Partial<Record<Source, readonly string[]>>;

type Spoken = Pick<TranscriptFinal, 'text' | 'meta'>;

export const wordsIn = (finals: readonly Spoken[], source: Source): string[] =>
  finals
    .filter(({ meta }) => meta?.source === source)
    .flatMap(({ text }) => (text === '' ? [] : text.split(' ')));

/** Words sent = words stored = words every viewer saw, in order, none twice. */
export async function expectWords(
  stage: Stage,
  said: Said,
  { meeting = 'm', viewers = [], ...claims }: { meeting?: string; viewers?: Viewer[] } & TokenClaims = {},
): Promise<TranscriptFinal[]> {
  const stored = await stage.transcript(meeting, claims);
  for (const source of ['mic', 'system'] as const) {
    expect(wordsIn(stored, source), `stored words of ${source}`).toEqual(said[source] ?? []);
    for (const [index, viewer] of viewers.entries()) {
      const seen = wordsIn(viewer.finals, source);
      expect(seen, `words of ${source} that viewer ${index} saw`).toEqual(said[source] ?? []);
    }
  }
  for (const viewer of viewers) {
    expectUnbroken(viewer);
    expectSegmentRule(viewer.messages);
  }
  return stored;
}

/** [LOG1] One order for all kinds, without a hole or a repeat, from the first entry seen. */
export function expectUnbroken(viewer: Viewer, from = viewer.seqs[0] ?? 1): void {
  expect(viewer.undecodable).toEqual([]);
  expect(viewer.seqs).toEqual(Array.from(viewer.seqs, (_, index) => from + index));
}

/** [LOG4, LOG5] A number names one utterance of one source: partials that grow into one final, and nothing after it. */
export function expectSegmentRule(messages: readonly Downstream[]): void {
  const segments = new Map<number, (TranscriptFinal | TranscriptPartial)[]>();
  for (const message of messages) {
    if (message.type !== 'transcript.final' && message.type !== 'transcript.partial') continue;
    segments.set(message.segment_no, [...(segments.get(message.segment_no) ?? []), message]);
  }
  for (const [segmentNo, said] of segments) {
    const label = `segment ${segmentNo}: ${said.map(({ type, text }) => `${type} "${text}"`).join(', ')}`;
    expect(new Set(said.map(({ meta }) => meta?.source)).size, label).toBe(1);
    expect(
      said.map(({ type }) => type === 'transcript.final'),
      label,
    ).toEqual(said.map((_, index) => index === said.length - 1));
    const final = said.at(-1);
    for (const { text, start_ms } of said) {
      expect(final?.text.startsWith(text), label).toBe(true);
      expect(Math.abs((final?.start_ms ?? 0) - start_ms), label).toBeLessThanOrEqual(20);
    }
  }
}

/** [TIME2] Every segment stands where its words were said on the meeting's clock. */
export function expectTimes(
  finals: readonly TranscriptFinal[],
  source: Source,
  { times }: Pick<Speech, 'times'>,
  fromMs = 0,
): void {
  const own = finals.filter(({ meta }) => meta?.source === source);
  const errors = timeErrors(times, own, { fromMs });
  expect(errors.length, `words of ${source} that somebody said`).toBe(wordsIn(own, source).length);
  for (const { word, segment, ms } of errors)
    expect(ms, `"${word.text}" in "${segment.text}" is off, in ms`).toBeLessThanOrEqual(timeToleranceMs);
}
