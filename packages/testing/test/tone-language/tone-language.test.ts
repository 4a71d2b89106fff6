import { describe, expect, test } from 'vitest';
import {
  interleave,
  randomWords,
  speak,
  speakStream,
  ToneDecoder,
  toneTiming,
  vocabulary,
  wordsOf,
  wordTimes,
} from '../../src/index.ts';
import { mulberry32 } from '../../src/tone-language/random-words.ts';
import { burstTonesHz } from '../../src/tone-language/tones.ts';
import {
  burstRms,
  bytesOf,
  hear,
  joined,
  noise,
  saidBy,
  silence,
  sine,
  withNoise,
} from '../support/audio.ts';

const rates = [8000, 16_000, 24_000, 44_100, 48_000];
const everyWord = vocabulary.map((word, place) => ({ word, speaker: place % 4 }));

describe.each(rates)('at %i Hz', (sampleRate) => {
  test('every word of the vocabulary is heard as said, by whom, within 20 ms', () => {
    const heard = hear(speak(everyWord, { sampleRate }), { sampleRate });
    expect(saidBy(heard)).toEqual(everyWord);
    for (const [place, { start, end }] of heard.entries()) {
      expect(Math.abs(start - wordTimes(place).start)).toBeLessThan(0.02);
      expect(Math.abs(end - wordTimes(place).end)).toBeLessThan(0.02);
    }
  });

  test('every word survives -30 dBFS with noise 20 dB below, in stereo', () => {
    const speech = speak(everyWord, { sampleRate, channels: 2, amplitudeDbfs: -30 });
    const heard = hear(withNoise(speech, 20, burstRms(-30)), { sampleRate, channels: 2 });
    expect(saidBy(heard)).toEqual(everyWord);
  });

  test('one silent channel of two does not matter', () => {
    const words = everyWord.slice(0, 40);
    const speech = speak(words, { sampleRate, amplitudeDbfs: -30 });
    for (const stereo of [interleave([speech, silence(0, 1)]), interleave([silence(0, 1), speech])]) {
      expect(saidBy(hear(stereo, { sampleRate, channels: 2 }))).toEqual(words);
    }
  });

  test('silence, noise and lone sines say nothing', () => {
    const sounds = [
      silence(3, sampleRate),
      ...[100, 1000, 10_000].map((rms) => noise(10, sampleRate, rms)),
      ...[50, 300, 440, 1000, 1234, 3000].map((hz) => sine(hz, 2, sampleRate)),
    ];
    for (const sound of sounds) expect(hear(sound, { sampleRate })).toEqual([]);
  });
});

test('the vocabulary is at least 256 distinct lower-case words, 24 of them Turkish', () => {
  expect(vocabulary.length).toBeGreaterThanOrEqual(256);
  expect(new Set(vocabulary).size).toBe(vocabulary.length);
  expect(vocabulary.filter((word) => /[çğıöşü]/u.test(word)).length).toBeGreaterThanOrEqual(24);
  for (const word of vocabulary) expect(wordsOf(word)).toEqual([word]);
});

test('a word said three times in a row is three words', () => {
  expect(saidBy(hear(speak('no no no', { sampleRate: 16_000 }), { sampleRate: 16_000 }))).toHaveLength(3);
});

test('pieces of any odd size are heard alike', () => {
  const speech = speak(everyWord.slice(0, 8), { sampleRate: 44_100, channels: 2 });
  const format = { sampleRate: 44_100, channels: 2 };
  const whole = hear(speech, format, speech.byteLength);
  expect(saidBy(whole)).toEqual(everyWord.slice(0, 8));
  for (const pieceBytes of [1, 7, 1021]) expect(hear(speech, format, pieceBytes)).toEqual(whole);
});

test('a replay may start anywhere: a word cut short is that word or none, and under half of it is none', () => {
  const sampleRate = 16_000;
  const [cut, next] = ['budget', 'ışık'] as const;
  const speech = speak(`${cut} ${next}`, { sampleRate });
  const wordFrom = wordTimes(0).start * sampleRate;
  for (let lostMs = 0; lostMs <= toneTiming.wordMs; lostMs += 1) {
    const heard = hear(speech.subarray(wordFrom + (lostMs * sampleRate) / 1000), { sampleRate });
    const words = heard.map(({ word }) => word);
    if (lostMs <= 80) expect(words).toEqual([cut, next]);
    else if (lostMs > 100) expect(words).toEqual([next]);
    else expect([`${cut} ${next}`, next]).toContain(words.join(' '));
  }
});

test('a word cut in two is heard at most once', () => {
  const sampleRate = 16_000;
  const speech = speak('budget', { sampleRate });
  for (let cutMs = 0; cutMs < 600; cutMs += 1) {
    const at = (cutMs * sampleRate) / 1000;
    const parts = [speech.subarray(0, at), speech.subarray(at)];
    expect(parts.flatMap((part) => hear(part, { sampleRate })).length).toBeLessThanOrEqual(1);
  }
});

test('audio lost between two words that now touch gives none but those two words', () => {
  const sampleRate = 16_000;
  const speech = (word: string) => speak(word, { sampleRate, leadMs: 0, tailMs: 0 });
  for (let keptMs = 10; keptMs <= 200; keptMs += 10) {
    const kept = speech('customer').subarray(0, (keptMs * sampleRate) / 1000);
    const heard = hear(joined(kept, speech('invoice')), { sampleRate });
    const words = heard.map(({ word }) => word);
    if (keptMs >= 120) expect(words).toEqual(['customer', 'invoice']);
    else expect(['invoice', 'customer invoice']).toContain(words.join(' '));
    for (const { end } of heard.slice(0, -1)) expect(end).toBeLessThanOrEqual(heard.at(-1)?.start ?? 0);
  }
});

const tonesOf = (word: string) => burstTonesHz(vocabulary.indexOf(word), 0).slice(0, 2);

test('two words at once that share no tone are never taken for a third word', () => {
  const sampleRate = 16_000;
  const random = mulberry32(4);
  const [ones, others] = [randomWords(400, 1), randomWords(400, 2)];
  for (const [place, one] of ones.entries()) {
    const other = others[place] ?? '';
    if (tonesOf(one).some((tone) => tonesOf(other).includes(tone))) continue;
    const shift = Math.floor(random() * 0.2 * sampleRate);
    const first = joined(speak([one], { sampleRate }), silence(0.2, sampleRate));
    const second = joined(silence(shift / sampleRate, sampleRate), speak([other], { sampleRate }));
    const mixed = first.map((sample, at) => sample + (second[at] ?? 0));
    for (const { word } of hear(mixed, { sampleRate })) expect([one, other]).toContain(word);
  }
});

test('a held burst is no word and does not hold the decoder up', () => {
  const sampleRate = 16_000;
  const burst = speak('plan', { sampleRate, leadMs: 0, tailMs: 0 }).subarray(160, 160 + 1600);
  const decoder = new ToneDecoder({ sampleRate });
  expect(decoder.write(bytesOf(joined(...Array.from({ length: 20 }, () => burst))))).toEqual([]);
  expect(decoder.speakingSince).toBeUndefined();
  expect(decoder.write(bytesOf(speak('plan', { sampleRate }))).map(({ word }) => word)).toEqual(['plan']);
});

test('the decoder knows that a word is being said and since when', () => {
  const sampleRate = 16_000;
  const bytes = bytesOf(speak('plan plan', { sampleRate }));
  const decoder = new ToneDecoder({ sampleRate });
  decoder.write(bytes.subarray(0, 2 * 0.2 * sampleRate));
  expect(decoder.speakingSince).toBeCloseTo(wordTimes(0).start, 2);
  expect(decoder.settledSeconds).toBeLessThanOrEqual(wordTimes(0).start + 0.01);
  const rest = decoder.write(bytes.subarray(2 * 0.2 * sampleRate, 2 * 0.37 * sampleRate));
  expect(rest).toHaveLength(1);
  expect(decoder.speakingSince).toBeUndefined();
  expect(decoder.settledSeconds).toBeGreaterThan(wordTimes(0).end);
});

test('no word begins before the time the decoder calls settled', () => {
  const sampleRate = 16_000;
  for (let lead = 1600; lead < 1760; lead += 8) {
    const bytes = bytesOf(
      joined(silence(lead / sampleRate, sampleRate), speak('plan', { sampleRate, leadMs: 0 })),
    );
    const decoder = new ToneDecoder({ sampleRate });
    for (let at = 0, words = 0; words === 0; at += 64) {
      words = decoder.write(bytes.subarray(at, at + 64)).length;
      if (words === 0) expect(decoder.settledSeconds).toBeLessThan(lead / sampleRate + 0.003);
    }
  }
});

test('the other channels are not heard when one is chosen', () => {
  const sampleRate = 16_000;
  const both = interleave([speak('yes please'.slice(4), { sampleRate }), speak('no', { sampleRate })]);
  expect(hear(both, { sampleRate, channels: 2, channel: 0 }).map(({ word }) => word)).toEqual(['please']);
  expect(hear(both, { sampleRate, channels: 2, channel: 1 }).map(({ word }) => word)).toEqual(['no']);
});

test('a stream of speech is the same as the speech at once', () => {
  const words = randomWords(20, 3);
  const options = { sampleRate: 44_100, channels: 2, speaker: 2 };
  const streamed = Buffer.concat([...speakStream(words, options)]);
  expect(streamed.equals(bytesOf(speak(words, options)))).toBe(true);
});

test('text becomes words whatever its case and punctuation, Turkish too', () => {
  expect(wordsOf('Hello, Team: the BUDGET — Işık; IŞIK? Çözüm!')).toEqual([
    'hello',
    'team',
    'the',
    'budget',
    'ışık',
    'ışık',
    'çözüm',
  ]);
});

test('words outside the vocabulary are named, with near ones', () => {
  expect(() => wordsOf('the budgit of xylophones')).toThrow(TypeError);
  expect(() => wordsOf('the budgit of xylophones')).toThrow(
    /"budgit" \(did you mean "budget"\?\), "xylophones"/u,
  );
});

test('a seed says the same words every time, another seed others', () => {
  expect(randomWords(50, 1)).toEqual(randomWords(50, 1));
  expect(randomWords(50, 1)).not.toEqual(randomWords(50, 2));
});

test('a minute of 48 kHz speech in one piece is heard whole', () => {
  const sampleRate = 48_000;
  const words = randomWords(200, 1);
  const decoder = new ToneDecoder({ sampleRate });
  const heard = decoder.write(Buffer.concat([...speakStream(words, { sampleRate })]));
  expect(heard.map(({ word }) => word)).toEqual(words);
});

test.each([
  [{ sampleRate: 4000 }, /sampleRate must be at least 8000, got 4000/u],
  [{ sampleRate: 16_000, channels: 0 }, /channels must be at least 1, got 0/u],
  [{ sampleRate: 16_000, channels: 2, channel: 2 }, /channel must be 0 to 1, got 2/u],
])('a format that cannot be heard is refused: %j', (format, reason) => {
  expect(() => new ToneDecoder(format)).toThrow(reason);
});
