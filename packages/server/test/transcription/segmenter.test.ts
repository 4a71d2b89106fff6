import { expect, test } from 'vitest';
import type { RecognizedSpan, RecognizedWord } from '../../src/recognizer/recognizer.ts';
import { Segmenter, type Utterance } from '../../src/transcription/segmenter.ts';
import { seeded } from '../support/random.ts';
import { resultsOf } from '../support/traces.ts';

const shown = ({ index, isFinal, startMs, endMs, text, speaker }: Utterance) =>
  `${isFinal ? 'final' : 'partial'} ${index} ${Math.round(startMs)}-${Math.round(endMs)}${
    speaker === undefined ? '' : ` ${speaker}:`
  } ${text}`;

/** Everything a trace makes a segmenter say, its end included. */
function hear(trace: string, channels = 1): Utterance[] {
  const segmenter = new Segmenter(channels);
  return [...resultsOf(trace).flatMap((result) => segmenter.accept(result)), ...segmenter.end()];
}

const finalsOf = (utterances: readonly Utterance[]) => utterances.filter(({ isFinal }) => isFinal);

/** A span of words said one after the other, `[text, startMs, endMs, speaker]`. */
function span(
  startMs: number,
  endMs: number,
  said: [string, number, number, string?][],
  more: Partial<RecognizedSpan> = {},
) {
  const words = said.map(
    ([text, from, to, speaker]): RecognizedWord => ({
      text,
      startMs: from,
      endMs: to,
      ...(speaker === undefined ? {} : { speaker }),
    }),
  );
  const text = words.map((word) => word.text).join(' ');
  return {
    kind: 'span',
    channel: 0,
    startMs,
    endMs,
    isFinal: true,
    endsUtterance: false,
    text,
    words,
    ...more,
  } as const;
}

test('a final shorter than its last interim: the rest stays a partial of the same utterance', () => {
  const utterances = hear('final-shorter-than-interim');
  const partials = utterances.filter(({ isFinal }) => !isFinal);
  expect(new Set(partials.map(({ index }) => index))).toEqual(new Set([0]));
  expect(partials.at(-1)?.text.endsWith('and then decide what goes.')).toBe(true);
  expect(finalsOf(utterances).map(shown)).toEqual([
    "final 0 480-8320 Good morning, everyone. Let's look at the budget for the next quarter, which is smaller than the one before, and then decide",
  ]);
});

test('finals are put together until the speaker pauses; an utterance end after that adds nothing', () => {
  const utterances = hear('two-finals-one-utterance');
  expect(finalsOf(utterances).map(shown)).toEqual([
    'final 0 320-4720 So that is the plan we agreed on, and nobody objected.',
  ]);
  expect(shown(utterances.at(-2) as Utterance)).toBe(
    'partial 0 320-4720 So that is the plan we agreed on, and nobody objected.',
  );
  expect(utterances.every(({ index }) => index === 0)).toBe(true);
});

test('where noise hides every pause the utterance end ends it', () => {
  expect(finalsOf(hear('noise-without-speech-final')).map(shown)).toEqual([
    'final 0 400-1500 Can you hear me?',
    'final 1 6200-6800 Hello?',
  ]);
});

test('a final with several speakers is cut where the speaker changes', () => {
  const utterances = hear('speakers-in-one-final');
  expect(finalsOf(utterances).map(shown)).toEqual([
    'final 0 300-1100 0: Are we done?',
    'final 1 1400-2000 1: Not yet.',
    'final 2 2300-2700 0: Okay.',
  ]);
  expect(utterances[0]?.index).toBe(0);
  expect(finalsOf(utterances).map(({ language }) => language)).toEqual(['en', 'en', 'en']);
});

test('another speaker in the next final ends the utterance as well', () => {
  const segmenter = new Segmenter();
  const said = [
    ...segmenter.accept(span(0, 1_000, [['so', 100, 300, '0']])),
    ...segmenter.accept(span(1_000, 2_000, [['yes', 1_100, 1_300, '1']])),
    ...segmenter.end(),
  ];
  expect(finalsOf(said).map(shown)).toEqual(['final 0 100-300 0: so', 'final 1 1100-1300 1: yes']);
});

test('each channel has utterances of its own, and a final vouches only for what every channel has told', () => {
  const finals = finalsOf(hear('two-channels', 2));
  expect(finals.map(shown)).toEqual([
    'final 1 1000-1900 0: Second one.',
    'final 0 400-3900 0: First channel goes on.',
    'final 2 6000-6500 0: Again.',
    'final 3 8200-8600 0: Bye.',
  ]);
  expect(finals.map(({ settledMs }) => Math.round(settledMs))).toEqual([400, 3_400, 5_000, 8_200]);
});

test('of a channel that has said nothing yet nothing is settled', () => {
  const segmenter = new Segmenter(2);
  const [final] = segmenter.accept(span(0, 1_000, [['so', 100, 300]], { endsUtterance: true }));
  expect([final?.settledMs, segmenter.settledMs]).toEqual([0, 0]);
  segmenter.accept(span(0, 700, [], { channel: 1 }));
  expect(segmenter.settledMs).toBe(700);
});

test('a pause in the sending and a flush: what is final ends with the stream', () => {
  const utterances = hear('pause-and-finalize');
  expect(finalsOf(utterances).map(shown)).toEqual([
    'final 0 500-1200 Hold on.',
    'final 1 10200-10900 I am back',
  ]);
});

test('an utterance that goes on and on is ended at the first final past fifteen seconds', () => {
  const segmenter = new Segmenter();
  const said: Utterance[] = [];
  for (let second = 0; second < 40; second += 4) {
    said.push(
      ...segmenter.accept(
        span(second * 1000, second * 1000 + 4_000, [
          [`w${second}`, second * 1000 + 500, second * 1000 + 900],
        ]),
      ),
    );
  }
  said.push(...segmenter.end());
  expect(finalsOf(said).map(({ text }) => text)).toEqual(['w0 w4 w8 w12', 'w16 w20 w24 w28', 'w32 w36']);
  for (const { startMs, endMs } of finalsOf(said)) expect(endMs - startMs).toBeLessThan(19_000);
});

test('silence says nothing, and is settled as it is heard', () => {
  const segmenter = new Segmenter();
  expect(segmenter.accept(span(0, 4_000, []))).toEqual([]);
  expect(segmenter.accept(span(4_000, 8_000, [], { endsUtterance: true }))).toEqual([]);
  expect(segmenter.accept({ kind: 'utterance-end', channel: 0 })).toEqual([]);
  expect([segmenter.settledMs, segmenter.end()]).toEqual([8_000, []]);
});

test('words that wait for the end of their utterance are not settled', () => {
  const segmenter = new Segmenter();
  segmenter.accept(span(0, 2_000, [['so', 700, 900]]));
  expect(segmenter.settledMs).toBe(700);
  segmenter.accept(span(2_000, 4_000, []));
  expect(segmenter.settledMs).toBe(700);
  segmenter.accept({ kind: 'utterance-end', channel: 0 });
  expect(segmenter.settledMs).toBe(4_000);
});

test('what a partial showed and no final confirms is taken back, and its number is used again', () => {
  for (const endsUtterance of [false, true]) {
    const segmenter = new Segmenter();
    const partial = segmenter.accept(span(0, 900, [['hm', 100, 300]], { isFinal: false }));
    const nothing = segmenter.accept(span(0, 1_000, [], { endsUtterance }));
    const next = segmenter.accept(span(1_000, 2_000, [['so', 1_100, 1_300]], { endsUtterance: true }));
    expect([...partial, ...nothing, ...next].map(shown)).toEqual([
      'partial 0 100-300 hm',
      'partial 0 0-1000 ',
      'final 0 1100-1300 so',
    ]);
  }
});

test('silence before what a partial shows takes nothing of it back', () => {
  const segmenter = new Segmenter();
  const said = [
    span(0, 3_000, [['so', 2_100, 2_300]], { isFinal: false }),
    span(0, 2_000, []),
    span(2_000, 3_000, [['so', 2_100, 2_300]], { endsUtterance: true }),
  ];
  expect(said.flatMap((result) => segmenter.accept(result)).map(shown)).toEqual([
    'partial 0 2100-2300 so',
    'final 0 2100-2300 so',
  ]);
});

test('[LOG4] an utterance keeps its number from its first partial to its final, and the next one has another', () => {
  const segmenter = new Segmenter();
  const said = [
    ...segmenter.accept(span(0, 500, [['a', 100, 200]], { isFinal: false })),
    ...segmenter.accept(span(0, 1_000, [['a', 100, 200]])),
    ...segmenter.accept(span(1_000, 1_500, [['b', 1_100, 1_200]], { isFinal: false })),
    ...segmenter.accept(span(1_000, 2_000, [['b', 1_100, 1_200]], { endsUtterance: true })),
    ...segmenter.accept(span(2_000, 2_500, [['c', 2_100, 2_200]], { isFinal: false })),
  ];
  expect(said.map(shown)).toEqual([
    'partial 0 100-200 a',
    'partial 0 100-200 a',
    'partial 0 100-1200 a b',
    'final 0 100-1200 a b',
    'partial 1 2100-2200 c',
  ]);
});

test('a partial without words is no partial', () => {
  expect(new Segmenter().accept(span(0, 1_000, [], { isFinal: false }))).toEqual([]);
});

test('confidence is the mean of what has one, and the language that of the beginning', () => {
  const segmenter = new Segmenter();
  segmenter.accept(span(0, 1_000, [['a', 0, 1]], { confidence: 0.5, language: 'tr' }));
  segmenter.accept(span(1_000, 2_000, [['b', 1_000, 1_001]]));
  const [final] = segmenter.accept(
    span(2_000, 3_000, [['c', 2_000, 2_001]], { confidence: 1, language: 'en', endsUtterance: true }),
  );
  expect(final).toMatchObject({ confidence: 0.75, language: 'tr' });
});

test('text is the recognizer’s own where one speaker said it all', () => {
  const segmenter = new Segmenter();
  const formatted = { text: 'It costs $5,000.', endsUtterance: true };
  const [final] = segmenter.accept(
    span(
      0,
      1_000,
      [
        ['it', 0, 1],
        ['costs', 2, 3],
        ['five', 4, 5],
      ],
      formatted,
    ),
  );
  expect(final?.text).toBe('It costs $5,000.');
});

interface Said {
  readonly channel: number;
  readonly text: string;
  readonly startMs: number;
}

/** A recognizer that tells random speech on some channels: interims, finals that tile, pauses, speakers. */
function* chatter(
  random: () => number,
  channels: number,
  said: Said[],
): Generator<RecognizedSpan | { kind: 'utterance-end'; channel: number }> {
  const heard = Array.from({ length: channels }, () => 0);
  let spoken = 0;
  for (let round = 0; round < 80; round += 1) {
    const channel = Math.floor(random() * channels);
    const startMs = heard[channel] ?? 0;
    const endMs = startMs + 200 + Math.floor(random() * 4_000);
    const words: [string, number, number, string?][] = [];
    for (let at = startMs + Math.floor(random() * 400); at + 150 <= endMs && random() < 0.85; ) {
      const to = at + 50 + Math.floor(random() * 100);
      spoken += 1;
      words.push([`w${spoken}`, at, to, ...(random() < 0.9 ? [String(Math.floor(random() * 1.2))] : [])] as [
        string,
        number,
        number,
      ]);
      at = to + Math.floor(random() * 300);
    }
    if (random() < 0.5) yield span(startMs, endMs + 300, words.slice(0, 3), { channel, isFinal: false });
    if (random() < 0.2) continue;
    for (const [text, from] of words) said.push({ channel, text, startMs: from });
    heard[channel] = endMs;
    yield span(startMs, endMs, words, { channel, endsUtterance: random() < 0.3 });
    if (random() < 0.2) yield { kind: 'utterance-end', channel };
  }
}

test.each([1, 2, 3])(
  'whatever is said on %i channels: every word once, in order, and nothing settled too early',
  (channels) => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const said: Said[] = [];
      const segmenter = new Segmenter(channels);
      const finals: Utterance[] = [];
      let settled = 0;
      const told = new Set<string>();
      const unsettled = () =>
        said.reduce((ms, { text, startMs }) => (told.has(text) ? ms : Math.min(ms, startMs)), Infinity);
      const take = (utterances: readonly Utterance[]) => {
        for (const utterance of finalsOf(utterances)) {
          finals.push(utterance);
          for (const word of utterance.text.split(' ')) told.add(word);
          expect(utterance.settledMs).toBeLessThanOrEqual(unsettled());
          expect(utterance.settledMs).toBeLessThanOrEqual(utterance.endMs);
        }
        expect(segmenter.settledMs).toBeGreaterThanOrEqual(settled);
        settled = segmenter.settledMs;
        expect(settled).toBeLessThanOrEqual(unsettled());
      };
      for (const result of chatter(seeded(seed), channels, said)) take(segmenter.accept(result));
      take(segmenter.end());

      const words = finals.flatMap(({ text }) => text.split(' '));
      expect(words.toSorted()).toEqual(said.map(({ text }) => text).toSorted());
      for (let channel = 0; channel < channels; channel += 1) {
        const of = said.filter((word) => word.channel === channel).map(({ text }) => text);
        expect(words.filter((word) => of.includes(word))).toEqual(of);
      }
      expect(new Set(finals.map(({ index }) => index)).size).toBe(finals.length);
      for (const { startMs, endMs } of finals) expect(endMs).toBeGreaterThanOrEqual(startMs);
    }
  },
);

test('what a final vouches for never goes back', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const segmenter = new Segmenter(1);
    let last = 0;
    for (const result of chatter(seeded(seed), 1, [])) {
      for (const { settledMs } of finalsOf(segmenter.accept(result))) {
        expect(settledMs).toBeGreaterThanOrEqual(last);
        last = settledMs;
      }
    }
  }
});

test('how the recognizer is, is no part of what was said', () => {
  const segmenter = new Segmenter();
  segmenter.accept(span(0, 1_000, [['so', 100, 300]]));
  expect(segmenter.accept({ kind: 'state', state: 'reconnecting', reason: 'gone' })).toEqual([]);
  const [final] = segmenter.accept(span(1_000, 2_000, [['what', 1_100, 1_300]], { endsUtterance: true }));
  expect(final?.text).toBe('so what');
});

test('a stretch that nobody heard ends what was said before it, and is settled as silence is', () => {
  const segmenter = new Segmenter(2);
  segmenter.accept(span(0, 1_000, [['so', 100, 300]]));
  segmenter.accept(span(0, 800, [], { channel: 1 }));
  const [final, ...more] = segmenter.accept({
    kind: 'unheard',
    startMs: 800,
    endMs: 60_000,
    cause: 'too_long_away',
  });
  expect([final && shown(final), more]).toEqual(['final 0 100-300 so', []]);
  expect(segmenter.settledMs).toBe(60_000);
  const [next] = segmenter.accept(span(60_000, 61_000, [['what', 60_100, 60_300]], { endsUtterance: true }));
  expect(next && shown(next)).toBe('final 1 60100-60300 what');
});

test('a partial that nobody will confirm is taken back', () => {
  const segmenter = new Segmenter();
  segmenter.accept(span(0, 900, [['hm', 100, 300]], { isFinal: false }));
  const hole = { kind: 'unheard', startMs: 0, endMs: 60_000, cause: 'too_long_away' } as const;
  expect(segmenter.accept(hole).map(shown)).toEqual(['partial 0 60000-60000 ']);
  const next = segmenter.accept(span(60_000, 61_000, [['so', 60_100, 60_300]], { endsUtterance: true }));
  expect(next.map(shown)).toEqual(['final 0 60100-60300 so']);
});

test('what was refused is not settled: its sender may still have it', () => {
  const segmenter = new Segmenter();
  segmenter.accept(span(0, 1_000, [['so', 100, 300]]));
  const refused = { kind: 'unheard', startMs: 1_000, endMs: 60_000, cause: 'refused' } as const;
  expect(segmenter.accept(refused).map(shown)).toEqual(['final 0 100-300 so']);
  expect(segmenter.settledMs).toBe(1_000);
});
