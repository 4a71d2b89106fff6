import { expect, test } from 'vitest';
import type { RecognitionResult, RecognizedSpan, RecognizedWord } from '../../src/recognizer/recognizer.ts';
import { Merge } from '../../src/recovery/merge.ts';
import { replayStart, withoutSaid } from '../../src/recovery/takeover.ts';
import { seeded } from '../support/random.ts';

const word = (text: string, startMs: number, endMs: number): RecognizedWord => ({ text, startMs, endMs });

function span(
  startMs: number,
  endMs: number,
  words: RecognizedWord[] = [],
  more: Partial<RecognizedSpan> = {},
) {
  const text = words.map((one) => one.text).join(' ');
  const settled = { isFinal: true, endsUtterance: false, channel: 0 };
  return { kind: 'span', startMs, endMs, ...settled, text, words, ...more } as const;
}

const told = (results: readonly RecognitionResult[]) =>
  results.map((one) => {
    if (one.kind !== 'span') return one.kind;
    return `${one.isFinal ? 'final' : 'partial'} ${one.startMs}-${one.endMs} ${one.text}${one.endsUtterance ? '.' : ''}`;
  });

const fromStart = { fromMs: 0, again: undefined };

test('a replay begins a lead-in before the last final, in no said word', () => {
  const said = [word('the', 2_000, 2_200), word('budget', 2_400, 2_900), word('now', 2_950, 3_100)];
  expect(replayStart({ boundaryMs: 5_000, said }, fromStart)).toBe(4_500);
  expect(replayStart({ boundaryMs: 3_200, said }, fromStart)).toBe(2_300);
  expect(replayStart({ boundaryMs: 2_800, said }, fromStart)).toBe(2_300);
  expect(replayStart({ boundaryMs: 2_730, said }, fromStart)).toBe(2_230);
  expect(replayStart({ boundaryMs: 300, said: [] }, fromStart)).toBe(0);
});

test('it begins before a word that has to be heard again, and never before what cannot be told apart', () => {
  const said = [word('the', 2_000, 2_200), word('budget', 2_220, 2_900)];
  expect(replayStart({ boundaryMs: 4_500, said }, { fromMs: 0, again: said[1] })).toBe(2_210);
  expect(replayStart({ boundaryMs: 4_500, said }, { fromMs: 4_400, again: said[1] })).toBe(4_400);
});

const takeover = { boundaryMs: 3_000, shownMs: 0, said: [word('no', 2_700, 2_980)] };

test('of a span over the boundary only what is new is left, with the recognizer’s own text where all is', () => {
  expect(withoutSaid(span(2_500, 3_000, [word('no', 2_690, 2_970)]), takeover)).toBeUndefined();
  const mixed = span(2_500, 4_000, [word('No,', 2_690, 3_010), word('no', 3_050, 3_300)], { raw: '{}' });
  expect(withoutSaid(mixed, takeover)).toMatchObject({ startMs: 3_000, endMs: 4_000, text: 'no', raw: '{}' });
  const fresh = span(2_900, 4_000, [word('five', 3_000, 3_200)], { text: '$5' });
  expect(withoutSaid(fresh, takeover)).toMatchObject({ startMs: 3_000, text: '$5' });
  const old = span(2_500, 3_500, [word('no', 2_690, 2_970)], { raw: '{}', confidence: 1 });
  expect(withoutSaid(old, takeover)).toEqual(span(3_000, 3_500));
});

test('a word that reaches over the boundary was said if it is one of the said, timed otherwise', () => {
  expect(withoutSaid(span(2_500, 4_000, [word('no', 2_780, 3_060)]), takeover)?.words).toEqual([]);
  expect(withoutSaid(span(2_500, 4_000, [word('know', 2_780, 3_060)]), takeover)?.words).toEqual([]);
  expect(withoutSaid(span(2_500, 4_000, [word('way', 2_950, 3_200)]), takeover)?.text).toBe('way');
});

test('a partial that knows less than the screen is kept from it; what is far behind the boundary passes', () => {
  const partial = (endMs: number) => span(2_500, endMs, [word('way', 3_050, 3_200)], { isFinal: false });
  const shown = { ...takeover, shownMs: 3_800 };
  expect(withoutSaid(partial(3_500), shown)).toBeUndefined();
  expect(withoutSaid(partial(3_800), shown)?.text).toBe('way');
  expect(
    withoutSaid(span(2_500, 3_900, [word('no', 2_700, 2_980)], { isFinal: false }), shown),
  ).toBeUndefined();
  const later = span(4_100, 5_000, [word('no', 4_100, 4_200)]);
  expect(withoutSaid(later, shown)).toBe(later);
});

test('results of a later stream stand on the first one’s clock', () => {
  const merge = new Merge(1);
  merge.begin(0);
  merge.accept(span(0, 2_000, [word('so', 1_500, 1_700)], { endsUtterance: true }));
  expect(merge.replayFromMs).toBe(1_400);
  merge.lose();
  merge.begin(1_400);
  const replayed = span(0, 2_050, [word('so', 110, 290), word('what', 900, 1_100)]);
  expect(told(merge.accept(replayed))).toEqual(['final 2000-3450 what']);
  expect(merge.reachedMs).toBe(3_450);
});

test('the end of an utterance that a replay tells again does not end the one that is open', () => {
  const merge = new Merge(1);
  merge.begin(0);
  merge.accept(span(0, 1_000, [word('so', 500, 700)], { endsUtterance: true }));
  merge.accept(span(1_000, 2_300, [word('what', 2_000, 2_200)]));
  merge.begin(merge.replayFromMs);
  const at = merge.replayFromMs;
  expect(merge.accept(span(0, 1_900 - at, [], { endsUtterance: true }))).toEqual([]);
  expect(merge.accept({ kind: 'utterance-end', channel: 0 })).toEqual([]);
  const heard = span(1_900 - at, 2_280 - at, [word('what', 2_000 - at, 2_200 - at)], { endsUtterance: true });
  expect(told(merge.accept(heard))).toEqual(['utterance-end']);
});

test('an utterance whose pause was heard before the loss is ended by it', () => {
  const merge = new Merge(1);
  merge.begin(0);
  merge.accept(span(0, 1_000, [word('so', 500, 700)]));
  merge.accept(span(1_000, 2_600));
  expect(merge.replayFromMs).toBeLessThan(500);
  merge.accept(span(2_600, 3_000));
  expect(told(merge.lose())).toEqual(['utterance-end']);
  expect([merge.lose(), merge.replayFromMs]).toEqual([[], 2_500]);
});

test('text whose words have no times is never sent again', () => {
  const merge = new Merge(1);
  merge.begin(0);
  merge.accept(span(0, 1_000, [], { text: 'so what' }));
  expect(merge.replayFromMs).toBe(1_000);
  merge.begin(1_000);
  expect(told(merge.accept(span(0, 900, [], { text: 'then' })))).toEqual(['final 1000-1900 then']);
});

test('every channel is taken up where its own finals end', () => {
  const merge = new Merge(2);
  merge.begin(0);
  merge.accept(span(0, 5_000, [word('mine', 4_000, 4_300)], { channel: 0, endsUtterance: true }));
  merge.accept(span(0, 2_000, [], { channel: 1 }));
  expect([merge.reachedMs, merge.replayFromMs]).toEqual([2_000, 1_500]);
  merge.begin(1_500);
  const replay = [
    span(0, 4_500, [word('mine', 2_510, 2_790), word('too', 3_900, 4_100)], { channel: 0 }),
    span(0, 4_500, [word('yours', 800, 1_200)], { channel: 1 }),
  ];
  expect(told(replay.flatMap((one) => merge.accept(one)))).toEqual([
    'final 5000-6000 too',
    'final 2000-6000 yours',
  ]);
});

/** Words with short pauses, long ones and none, some of them repeated at once. */
function speech(random: () => number): RecognizedWord[] {
  const words: RecognizedWord[] = [];
  for (let at = 100; words.length < 60; ) {
    const startMs = at + (random() < 0.3 ? 0 : random() < 0.9 ? random() * 300 : random() * 3_000);
    const endMs = startMs + 120 + random() * 500;
    const text = random() < 0.2 ? (words.at(-1)?.text ?? 'no') : `w${words.length}`;
    words.push(word(text, startMs, endMs));
    at = endMs;
  }
  return words;
}

/** What one recognizer makes of speech from `fromMs` on: a word cut in two is a wrong one, and times are a little off. */
function* recognize(said: readonly RecognizedWord[], fromMs: number, random: () => number) {
  const off = () => (random() - 0.5) * 60;
  const heard = said.flatMap(({ text, startMs, endMs }) => {
    if (endMs <= fromMs + 20) return [];
    const isCut = startMs < fromMs - 5;
    const from = Math.max(0, startMs - fromMs + off());
    return [word(isCut ? 'cut' : text, from, Math.max(from + 20, endMs - fromMs + off()))];
  });
  let [endMs, place] = [0, 0];
  while (place < heard.length) {
    const words = heard.slice(place, place + Math.floor(random() * 5));
    place += words.length;
    const [before, after] = [
      heard[place - 1]?.endMs ?? 0,
      heard[place]?.startMs ?? (heard.at(-1)?.endMs ?? 0) + 300,
    ];
    const to = Math.max(endMs, (before + after) / 2);
    if (random() < 0.5) yield span(endMs, to + 200, words, { isFinal: false });
    // Words begin and end within their span.
    const within = words.map((one) => word(one.text, Math.max(endMs, one.startMs), Math.min(to, one.endMs)));
    yield span(endMs, to, within, { endsUtterance: random() < 0.2 });
    endMs = to;
  }
}

test('however often streams are lost, and whatever they time differently: every word once, in order', () => {
  for (let seed = 1; seed <= 2_000; seed += 1) {
    const random = seeded(seed);
    const said = speech(random);
    const merge = new Merge(1);
    const results: RecognitionResult[] = [];
    for (let losses = Math.floor(random() * 8); losses >= 0; losses -= 1) {
      const fromMs = merge.replayFromMs;
      merge.begin(fromMs);
      for (const one of recognize(said, fromMs, random)) {
        if (losses > 0 && random() < 0.15) break;
        const reachedMs = merge.reachedMs;
        results.push(...merge.accept(one));
        expect(merge.reachedMs).toBeGreaterThanOrEqual(reachedMs);
      }
      results.push(...merge.lose());
    }
    const words = results.flatMap((one) => (one.kind === 'span' && one.isFinal ? one.words : []));
    expect(words.map(({ text }) => text).join(' '), `seed ${seed}`).toBe(
      said.map(({ text }) => text).join(' '),
    );
  }
});
