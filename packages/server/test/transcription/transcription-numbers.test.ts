/** Words while the registry does not answer: nothing waits for it. */
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { memoryBus } from '../../src/bus/memory.ts';
import { AsyncQueue } from '../../src/lib/async-queue.ts';
import type { RecognitionResult, RecognizerStream } from '../../src/recognizer/recognizer.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { BlockNumbering, blockSize } from '../../src/registry/numbering.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { nothingSaid } from '../../src/transcription/already-said.ts';
import { AudioAccount } from '../../src/transcription/audio-ledger.ts';
import { MeetingClock } from '../../src/transcription/meeting-clock.ts';
import { Transcription } from '../../src/transcription/transcription.ts';
import { UtteranceNumbers } from '../../src/transcription/utterance-numbers.ts';
import { freshMeeting } from '../support/entries.ts';
import { logOf } from '../support/log.ts';
import { storeWith } from '../support/store-with.ts';

const never = () => new Promise<never>(() => {});
const silent: Registry = { ...memoryRegistry(), nextSegmentNo: never, numbering: never };

let results: AsyncQueue<RecognitionResult>;
let shown: string[];
/** Lets the store answer. */
let open: () => void;
let outcome: Promise<void>;

beforeEach(async () => {
  results = new AsyncQueue<RecognitionResult>();
  shown = [];
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const inner = memoryStore();
  const store: Store = storeWith(inner, {
    append: (...args) => gate.then(() => inner.append(...args)),
    cover: (...args) => gate.then(() => inner.cover(...args)),
  });
  const log = logOf(freshMeeting(), store, memoryBus(), undefined, undefined, ({ type, segmentNo }) =>
    shown.push(`${type.slice('transcript.'.length)} ${segmentNo}`),
  );
  let blocks = 0;
  let alone = 1_000_000;
  const numbering = new BlockNumbering(
    {
      take() {
        blocks += 1;
        return blocks === 1 ? Promise.resolve(1) : never();
      },
      alone() {
        alone += 1;
        return alone;
      },
    },
    1,
  );
  await numbering.takeAhead();
  const clock = new MeetingClock({ sampleRate: 16_000, channels: 1 }, 0);
  clock.forward(3_600 * 32_000);
  const stream: RecognizerStream = {
    channels: 1,
    results,
    write: () => undefined,
    flush: () => {},
    finish: () => results.end(),
    abort: () => results.end(),
  };
  const transcription = new Transcription({
    log,
    numbers: new UtteranceNumbers(log, silent, numbering),
    source: 'mic',
    fence: 1,
    stream,
    clock,
    account: new AudioAccount(),
    alreadySaid: nothingSaid,
    onState: () => {},
    onLeft: () => {},
  });
  outcome = transcription.run();
  await turn();
});

/** One word is one utterance. */
function say(second: number, isFinal: boolean): void {
  const [startMs, endMs, text] = [second * 1_000, second * 1_000 + 900, `word${second}`];
  const words = [{ text, startMs, endMs }];
  const span = { kind: 'span', channel: 0, startMs, endMs, isFinal, endsUtterance: isFinal } as const;
  results.push({ ...span, text, words });
}

test('a first partial shows in the turn in which its words come, without an answer of the registry', async () => {
  say(0, false);
  await turn();
  expect(shown).toEqual(['partial 1']);
  say(0, true);
  say(1, false);
  await turn();
  expect(shown).toEqual(['partial 1', 'partial 2']);
});

test('finals wait for the log, and for nothing else', async () => {
  for (const second of [0, 1, 2]) say(second, true);
  await turn();
  expect(shown).toEqual([]);
  open();
  results.end();
  await outcome;
  expect(shown).toEqual(['final 1', 'final 2', 'final 3']);
});

test('a block that runs dry stops no word', async () => {
  const count = 3 * blockSize;
  for (let second = 0; second < count; second += 1) {
    say(second, false);
    say(second, true);
  }
  await turn();
  expect(new Set(shown).size).toBe(count);
  open();
  results.end();
  await outcome;
  expect(shown.filter((line) => line.startsWith('final'))).toHaveLength(count);
});
