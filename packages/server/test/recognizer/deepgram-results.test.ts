import { expect, test } from 'vitest';
import { type DeepgramMessage, resultOf } from '../../src/recognizer/deepgram-results.ts';
import { seeded } from '../support/random.ts';
import { resultsOf, traceOf } from '../support/traces.ts';

const [, final] = traceOf('speakers-in-one-final');
if (final?.type !== 'Results') throw new Error('the trace has changed');
const results = final;

test('seconds become milliseconds, and a final says what it covers', () => {
  const [result] = resultsOf('two-finals-one-utterance').slice(4);
  expect(result).toMatchObject({ kind: 'span', channel: 0, isFinal: true, endsUtterance: false, startMs: 0 });
  expect(result?.kind === 'span' && result.endMs).toBeCloseTo(3_260);
  expect(result?.kind === 'span' && result.text).toBe('So that is the plan we agreed on,');
});

test('words are as punctuated, with their times, confidence and speaker', () => {
  const result = resultOf(results, 0);
  expect(result?.kind === 'span' && result.words[3]).toEqual({
    text: 'Not',
    startMs: 1_400,
    endMs: 1_600,
    confidence: 0.99,
    speaker: '1',
  });
  expect(result).toMatchObject({ language: 'en', confidence: 0.98, endsUtterance: true });
});

test('an utterance end is one of its channel, other messages are nothing', () => {
  const end = { type: 'UtteranceEnd', channel: [1, 2], last_word_end: 1 };
  expect(resultOf(end as DeepgramMessage, 0)).toEqual({ kind: 'utterance-end', channel: 1 });
  for (const type of ['Metadata', 'SpeechStarted', 'Error', 'Warning', 'ConfigureSuccess', 'SomethingNew'])
    expect(resultOf({ type, channel: [0, 1] } as unknown as DeepgramMessage, 0)).toBeUndefined();
});

test('audio that was written before the stream began shifts every time, and nothing is before 0', () => {
  const result = resultOf(results, 1_500);
  if (result?.kind !== 'span') throw new Error('a span was expected');
  expect([result.startMs, result.endMs]).toEqual([0, 1_700]);
  expect(result.words.map(({ startMs }) => Math.round(startMs))).toEqual([0, 0, 0, 0, 100, 800]);
});

test('a word that ends before it starts ends where it starts', () => {
  const [alternative] = results.channel.alternatives;
  const words = [{ ...alternative?.words[0], start: 2, end: -1 }];
  const odd = { ...results, channel: { alternatives: [{ ...alternative, words }] } } as DeepgramMessage;
  const result = resultOf(odd, 0);
  expect(result?.kind === 'span' && result.words).toMatchObject([{ startMs: 2_000, endMs: 2_000 }]);
});

/** The same message with one part replaced by something else, anywhere in it. */
function broken(message: unknown, random: () => number): unknown {
  const junk = [null, undefined, 'x', '', -1, Number.NaN, {}, [], true, [null], { words: 7 }];
  if (random() < 0.1 || typeof message !== 'object' || message === null)
    return junk[Math.floor(random() * junk.length)];
  const keys = Object.keys(message);
  const key = keys[Math.floor(random() * keys.length)];
  if (key === undefined) return null;
  const value = broken((message as Record<string, unknown>)[key], random);
  return Array.isArray(message)
    ? message.map((item, index) => (String(index) === key ? value : item))
    : { ...message, [key]: value };
}

test('[WIRE7] whatever the service sends, it becomes a result that can be worked with, or nothing', () => {
  const random = seeded(7);
  const messages: unknown[] = [
    null,
    undefined,
    'text',
    7,
    [],
    {},
    { type: 'Results' },
    { type: 'UtteranceEnd' },
  ];
  for (let round = 0; round < 5_000; round += 1) {
    let message: unknown = results;
    for (let times = 0; times <= random() * 3; times += 1) message = broken(message, random);
    messages.push(message);
  }
  for (const message of messages) {
    const result = resultOf(message as DeepgramMessage, 0);
    if (result?.kind !== 'span') continue;
    expect(typeof result.text).toBe('string');
    expect(result.endMs).toBeGreaterThanOrEqual(result.startMs);
    expect(Number.isInteger(result.channel)).toBe(true);
    for (const word of result.words) {
      expect(typeof word.text).toBe('string');
      expect(word.endMs).toBeGreaterThanOrEqual(word.startMs);
    }
  }
});
