import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { interleave, randomWords, speak, wordTimes } from '../../src/index.ts';
import type { Results, TranscriberMessage } from '../../src/simulator/listen-messages.ts';
import { parseQuery } from '../../src/simulator/listen-query.ts';
import { Transcriber } from '../../src/simulator/transcriber.ts';
import { bytesOf, joined, noise, silence } from '../support/audio.ts';

const sampleRate = 16_000;

function transcriber(query = ''): Transcriber {
  const settings = parseQuery(`model=nova-3&encoding=linear16&sample_rate=${sampleRate}&${query}`);
  if ('reason' in settings) throw new Error(settings.reason);
  return new Transcriber({ requestId: 'request', settings }, '2026-01-01T00:00:00.000Z');
}

/** All answers to this audio, up to and with the end of the stream. */
function answers(samples: Int16Array, query = '', pieceBytes = 3200): TranscriberMessage[] {
  const stream = transcriber(query);
  const bytes = bytesOf(samples);
  const messages: TranscriberMessage[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    messages.push(...stream.hear(bytes.subarray(at, at + pieceBytes)));
  }
  return [...messages, ...stream.finish()];
}

const resultsIn = (messages: TranscriberMessage[]): Results[] =>
  messages.filter((message) => message.type === 'Results');
const finalsIn = (messages: TranscriberMessage[]) => resultsIn(messages).filter(({ is_final }) => is_final);
const wordsIn = (results: Results[]) =>
  results.flatMap(({ channel }) => channel.alternatives[0]?.words ?? []);
const typesIn = (messages: TranscriberMessage[]) => messages.map(({ type }) => type);
const endOf = ({ start, duration }: Results) => start + duration;

/** One line per message, as a trace in the documentation would show it. */
const trace = (messages: TranscriberMessage[]): string[] =>
  messages.map((message) => {
    if (message.type === 'SpeechStarted') return `SpeechStarted ${message.timestamp.toFixed(2)}`;
    if (message.type === 'UtteranceEnd') return `UtteranceEnd ${message.last_word_end.toFixed(2)}`;
    if (message.type === 'Metadata') return `Metadata ${message.duration.toFixed(2)}`;
    const span = `${message.start.toFixed(2)}-${endOf(message).toFixed(2)}`;
    const marks = [message.speech_final && 'speech_final', message.from_finalize && 'from_finalize'];
    const kind = message.is_final ? 'final' : 'interim';
    const said = message.channel.alternatives[0]?.transcript ?? '';
    return [span, kind, ...marks.filter(Boolean), `"${said}"`].join(' ');
  });

const said = (words: string, leadMs = 100, tailMs = 300) => speak(words, { sampleRate, leadMs, tailMs });

test('a short utterance: speech starts, an interim, the final at the endpoint, the utterance end, silence', () => {
  const audio = said('we ship on friday', 500, 2700);
  const query = 'interim_results=true&endpointing=300&utterance_end_ms=1000&vad_events=true';
  expect(trace(answers(audio, query))).toEqual([
    'SpeechStarted 0.50',
    '0.00-1.00 interim "we"',
    '0.00-1.90 final speech_final "we ship on friday"',
    '1.90-2.00 interim ""',
    'UtteranceEnd 1.60',
    '1.90-3.00 interim ""',
    '1.90-4.00 interim ""',
    '1.90-4.40 final ""',
    'Metadata 4.40',
  ]);
});

test('long speech: interims every second overlap and reach past the following final, finals tile', () => {
  const audio = said('one two three four five six seven eight nine ten one two three four five six', 0, 0);
  expect(trace(answers(audio, 'interim_results=true&endpointing=300'))).toEqual([
    '0.00-1.00 interim "one two three"',
    '0.00-2.00 interim "one two three four five six"',
    '0.00-3.00 interim "one two three four five six seven eight nine ten"',
    '0.00-4.00 interim "one two three four five six seven eight nine ten one two three"',
    '0.00-3.55 final "one two three four five six seven eight nine ten one two"',
    '3.55-4.80 final speech_final "three four five six"',
    'Metadata 4.80',
  ]);
});

/** Speech with pauses of many lengths. */
const meeting = joined(
  ...Array.from({ length: 12 }, (_, turn) =>
    speak(
      randomWords(1 + turn * 3, turn).map((word) => ({ word, speaker: turn % 4 })),
      { sampleRate, leadMs: 130, tailMs: (turn % 5) * 450 },
    ),
  ),
);
const meetingWords = Array.from({ length: 12 }, (_, turn) => randomWords(1 + turn * 3, turn)).flat();

describe.each([
  '',
  'endpointing=false',
  'endpointing=300&interim_results=true',
  'endpointing=500&interim_results=true&utterance_end_ms=1000',
])('with "%s"', (query) => {
  test('every word is in exactly one final, and finals tile the timeline to the end of the audio', () => {
    const messages = answers(meeting, query);
    const finals = finalsIn(messages);
    expect(wordsIn(finals).map(({ word }) => word)).toEqual(meetingWords);
    let end = 0;
    for (const final of finals) {
      expect(final.start).toBeCloseTo(end, 6);
      end = endOf(final);
    }
    expect(end).toBeCloseTo(meeting.length / sampleRate, 3);
  });

  test('no final cuts a word', () => {
    for (const final of finalsIn(answers(meeting, query))) {
      for (const word of wordsIn([final])) {
        expect(word.start).toBeGreaterThanOrEqual(final.start);
        expect(word.end).toBeLessThanOrEqual(endOf(final) + 1e-9);
        expect(word.end - word.start).toBeCloseTo(0.2, 1);
      }
    }
  });

  test('the answers depend on the audio, not on how it was split', () => {
    const whole = answers(meeting, query, meeting.byteLength);
    for (const pieceBytes of [333, 3200, 100_000]) expect(answers(meeting, query, pieceBytes)).toEqual(whole);
  });
});

test('interims come only when asked for', () => {
  expect(resultsIn(answers(meeting)).every(({ is_final }) => is_final)).toBe(true);
});

test('a final comes every few seconds of speech, however long nobody pauses', () => {
  const words = randomWords(100, 5);
  const finals = finalsIn(answers(speak(words, { sampleRate }), 'endpointing=300'));
  for (const { duration } of finals) expect(duration).toBeLessThan(5);
  expect(finals.filter(({ speech_final }) => speech_final)).toHaveLength(1);
});

test('with endpointing=false no final claims the end of speech in mid-stream, and words still become final', () => {
  const finals = finalsIn(answers(said('we ship on friday', 100, 6000), 'endpointing=false'));
  expect(finals[0]?.speech_final).toBe(false);
  expect(wordsIn(finals.slice(0, 1))).toHaveLength(4);
});

test('by default the shortest pause is an endpoint', () => {
  const finals = finalsIn(answers(said('we ship')));
  expect(finals.map(({ speech_final }) => speech_final)).toEqual([true, true, false]);
});

test('silence and noise give empty results', () => {
  for (const sound of [silence(9, sampleRate), noise(9, sampleRate, 2000)]) {
    const results = resultsIn(answers(sound, 'interim_results=true&utterance_end_ms=1000&vad_events=true'));
    expect(results.length).toBeGreaterThanOrEqual(10);
    expect(wordsIn(results)).toEqual([]);
    expect(results.every(({ channel }) => channel.alternatives[0]?.transcript === '')).toBe(true);
  }
});

test('UtteranceEnd comes once for a gap after finalized words, and not without utterance_end_ms', () => {
  const audio = joined(said('we ship', 100, 1500), said('on friday', 0, 1500));
  const asked = answers(audio, 'interim_results=true&endpointing=300&utterance_end_ms=1000');
  expect(trace(asked).filter((line) => line.startsWith('Utt'))).toEqual([
    'UtteranceEnd 0.60',
    'UtteranceEnd 2.70',
  ]);
  expect(typesIn(answers(audio, 'interim_results=true&endpointing=300'))).not.toContain('UtteranceEnd');
});

test('a gap inside one final is no UtteranceEnd, nor one shorter than asked for', () => {
  const audio = joined(said('we ship', 100, 1200), said('on friday', 0, 0));
  const query = 'interim_results=true&endpointing=false&utterance_end_ms=1000';
  expect(typesIn(answers(audio, query))).not.toContain('UtteranceEnd');
  const short = joined(said('we ship', 100, 700), said('on friday', 0, 0));
  const longer = 'interim_results=true&endpointing=300&utterance_end_ms=1000';
  expect(typesIn(answers(short, longer))).not.toContain('UtteranceEnd');
});

test('SpeechStarted comes at each start of speech, only with vad_events', () => {
  const audio = joined(said('we ship', 400, 1500), said('on friday', 0, 0));
  expect(trace(answers(audio, 'vad_events=true')).filter((line) => line.startsWith('Sp'))).toEqual([
    'SpeechStarted 0.40',
    'SpeechStarted 2.50',
  ]);
  expect(typesIn(answers(audio))).not.toContain('SpeechStarted');
});

test('words carry a speaker only with diarization', () => {
  const speech = speak(
    [0, 3, 1, 2].map((speaker) => ({ word: 'team', speaker })),
    { sampleRate },
  );
  for (const query of ['diarize=true', 'diarize_model=latest', 'diarize_model=v1']) {
    const finals = finalsIn(answers(speech, query));
    expect(wordsIn(finals).map(({ speaker }) => speaker)).toEqual([0, 3, 1, 2]);
    expect(finals[0]?.metadata.diarize_info?.arch).toBe('v1');
  }
  const plain = finalsIn(answers(speech));
  expect(wordsIn(plain).every((word) => !('speaker' in word))).toBe(true);
  expect(plain[0]?.metadata).not.toHaveProperty('diarize_info');
});

test('punctuated_word comes with punctuate or smart_format and equals the word', () => {
  for (const query of ['punctuate=true', 'smart_format=true']) {
    const [word] = wordsIn(finalsIn(answers(said('çözüm'), query)));
    expect(word).toMatchObject({ word: 'çözüm', punctuated_word: 'çözüm' });
  }
  expect(wordsIn(finalsIn(answers(said('çözüm'))))[0]).not.toHaveProperty('punctuated_word');
});

test('with language=multi words carry a language and the alternative lists them', () => {
  const [final] = finalsIn(answers(said('budget bütçe'), 'language=multi&endpointing=false'));
  expect(final?.channel.alternatives[0]?.languages).toEqual(['en', 'tr']);
  expect(wordsIn(final ? [final] : []).map(({ language }) => language)).toEqual(['en', 'tr']);
});

describe('two channels', () => {
  const mic = said('we ship on friday', 100, 1000);
  const system = said('görüşme', 1900, 500);
  const both = interleave([mic, system]);

  test('multichannel=true gives each channel its own results', () => {
    const finals = finalsIn(answers(both, 'channels=2&multichannel=true&endpointing=300'));
    const of = (channel: number) => finals.filter(({ channel_index }) => channel_index[0] === channel);
    expect(finals.every(({ channel_index }) => channel_index[1] === 2)).toBe(true);
    expect(wordsIn(of(0)).map(({ word }) => word)).toEqual(['we', 'ship', 'on', 'friday']);
    expect(wordsIn(of(1)).map(({ word }) => word)).toEqual(['görüşme']);
    expect(of(1).at(-1)).toMatchObject({ channel_index: [1, 2] });
  });

  test('without multichannel the channels are mixed', () => {
    const finals = finalsIn(answers(both, 'channels=2&endpointing=300'));
    expect(wordsIn(finals).map(({ word }) => word)).toEqual(['we', 'ship', 'on', 'friday', 'görüşme']);
    expect(finals.every(({ channel_index }) => channel_index.join() === '0,1')).toBe(true);
  });

  test('Finalize flushes all channels or the one it names', () => {
    const flushed = (only?: number) => {
      const stream = transcriber('channels=2&multichannel=true&endpointing=false');
      stream.hear(bytesOf(both));
      return resultsIn(stream.finalize(only)).map(({ channel_index }) => channel_index[0]);
    };
    expect(flushed()).toEqual([0, 1]);
    expect(flushed(1)).toEqual([1]);
  });
});

test('Finalize makes everything heard final, marked from_finalize, and the stream goes on', () => {
  const stream = transcriber('endpointing=false');
  const speech = bytesOf(said('we ship on friday'));
  expect(stream.hear(speech)).toEqual([]);
  const [flushed] = resultsIn(stream.finalize());
  expect(flushed).toMatchObject({ is_final: true, from_finalize: true });
  expect(wordsIn(flushed ? [flushed] : [])).toHaveLength(4);
  expect(stream.finalize()).toEqual([]);
  stream.hear(speech);
  const last = finalsIn(stream.finish());
  expect(wordsIn(last)).toHaveLength(4);
  expect(last[0]?.start).toBeCloseTo(flushed ? endOf(flushed) : -1, 6);
});

test('Finalize in the middle of a word leaves that word whole for the next final', () => {
  const bytes = bytesOf(said('we ship'));
  for (let cutMs = 100; cutMs < 700; cutMs += 3) {
    const stream = transcriber('endpointing=300');
    const cut = (cutMs * sampleRate * 2) / 1000;
    const heard = [...stream.hear(bytes.subarray(0, cut)), ...stream.finalize()];
    heard.push(...stream.hear(bytes.subarray(cut)), ...stream.finish());
    const words = wordsIn(finalsIn(heard));
    expect(words.map(({ word }) => word)).toEqual(['we', 'ship']);
    for (const [place, { start, end }] of words.entries()) {
      expect(Math.abs(start - wordTimes(place).start)).toBeLessThan(0.003);
      expect(Math.abs(end - wordTimes(place).end)).toBeLessThan(0.003);
    }
  }
});

test('the end of the stream makes the rest final, even a word that no silence follows', () => {
  const speech = said('we ship', 100, 0);
  const cut = speech.subarray(0, speech.length - 0.1 * sampleRate);
  const messages = answers(cut, 'endpointing=300');
  expect(wordsIn(finalsIn(messages)).map(({ word }) => word)).toEqual(['we', 'ship']);
});

test('Metadata sums the stream up: bytes, duration, channels, model and extra', () => {
  const speech = said('we ship');
  const metadata = answers(speech, 'extra=meeting:42&extra=tenant:acme&channels=1').at(-1);
  expect(metadata).toMatchObject({
    type: 'Metadata',
    transaction_key: 'deprecated',
    request_id: 'request',
    sha256: createHash('sha256').update(bytesOf(speech)).digest('hex'),
    created: '2026-01-01T00:00:00.000Z',
    duration: 1,
    channels: 1,
    extra: { meeting: '42', tenant: 'acme' },
  });
  const models = metadata?.type === 'Metadata' ? metadata.models : [];
  expect(metadata).toHaveProperty(['model_info', models[0] ?? '', 'arch'], 'nova-3');
  expect(finalsIn(answers(speech, 'extra=a:b:c'))[0]?.metadata.extra).toEqual({ a: 'b:c' });
});

test('a stream without audio is summed up as nothing', () => {
  expect(transcriber().finish()).toMatchObject([{ type: 'Metadata', duration: 0, channels: 0 }]);
});

test('word times are counted from the bytes and stay within 20 ms after minutes', () => {
  const words = randomWords(400, 11);
  const finals = finalsIn(answers(speak(words, { sampleRate }), 'endpointing=300'));
  for (const [place, { start, end }] of wordsIn(finals).entries()) {
    expect(Math.abs(start - wordTimes(place).start)).toBeLessThan(0.02);
    expect(Math.abs(end - wordTimes(place).end)).toBeLessThan(0.02);
  }
});

test('detect_entities puts an empty list on finals only', () => {
  const results = resultsIn(answers(said('we ship on friday'), 'detect_entities=true&interim_results=true'));
  for (const result of results) expect('entities' in result).toBe(result.is_final);
});
