/** For how long a meeting waits for its sources. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Grace } from '../../src/ingest/grace.ts';

const meeting = { tenant: 'acme', id: 'm' };
const graceMs = 1_000;

let grace: Grace;
let told: string[];

beforeEach(() => {
  vi.useFakeTimers();
  grace = new Grace(graceMs);
  told = [];
});
afterEach(() => {
  vi.useRealTimers();
});

/** Waits for a source; what is returned makes its claim wanted. */
function wait(source: 'mic' | 'system', settling: () => Promise<void> = async () => {}): AbortController {
  const wanted = new AbortController();
  grace.begin(meeting, source, {
    claim: {
      wanted: wanted.signal,
      async sayLastWords() {
        told.push(`${source} settles`);
        await settling();
      },
      async release() {
        told.push(`${source} makes way`);
      },
    },
    async leaveMeeting() {
      told.push(`${source} leaves`);
    },
  });
  return wanted;
}

test('a source that stays away is given up once, after its time', async () => {
  wait('mic');
  await vi.advanceTimersByTimeAsync(graceMs - 1);
  expect(told).toEqual([]);
  await vi.advanceTimersByTimeAsync(10 * graceMs);
  expect(told).toEqual(['mic settles', 'mic leaves']);
});

test('a source that comes back is not given up, whoever wants its old claim', async () => {
  const wanted = wait('mic');
  grace.end(meeting, 'mic');
  wanted.abort();
  await vi.advanceTimersByTimeAsync(10 * graceMs);
  expect(told).toEqual([]);
});

test('a source that is wanted makes way at once, after its last words, and leaves in its time', async () => {
  let finish = () => {};
  const wanted = wait('mic', () => new Promise((resolve) => (finish = resolve)));
  await vi.advanceTimersByTimeAsync(graceMs / 2);
  wanted.abort();
  await vi.advanceTimersByTimeAsync(graceMs / 4);
  expect(told).toEqual(['mic settles']);
  finish();
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toEqual(['mic settles', 'mic makes way']);
  await vi.advanceTimersByTimeAsync(10 * graceMs);
  expect(told).toEqual(['mic settles', 'mic makes way', 'mic leaves']);
});

test('whoever took its place makes it stay silent', async () => {
  wait('mic').abort();
  await vi.advanceTimersByTimeAsync(0);
  grace.end(meeting, 'mic');
  await vi.advanceTimersByTimeAsync(10 * graceMs);
  expect(told).toEqual(['mic settles', 'mic makes way']);
});

test('a claim that is wanted before it is waited for makes way too', async () => {
  const wanted = AbortSignal.abort();
  const act = (name: string) => async () => void told.push(name);
  const claim = { wanted, sayLastWords: act('settles'), release: act('makes way') };
  grace.begin(meeting, 'mic', { claim, leaveMeeting: act('leaves') });
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toEqual(['settles', 'makes way']);
});

test('somebody at the door stops the time, and a refusal lets it go on', async () => {
  wait('mic');
  const letGo = [grace.hold(meeting, 'mic'), grace.hold(meeting, 'mic')];
  await vi.advanceTimersByTimeAsync(10 * graceMs);
  expect(told).toEqual([]);
  letGo[0]?.();
  await vi.advanceTimersByTimeAsync(1);
  expect(told).toEqual([]);
  letGo[1]?.();
  await vi.advanceTimersByTimeAsync(1);
  expect(told).toEqual(['mic settles', 'mic leaves']);
});

test('who came back and broke off again has all the time again, whoever stood at the door before', async () => {
  wait('mic');
  const letGo = grace.hold(meeting, 'mic');
  grace.end(meeting, 'mic');
  await vi.advanceTimersByTimeAsync(5 * graceMs);
  wait('mic');
  letGo();
  await vi.advanceTimersByTimeAsync(graceMs - 1);
  expect(told).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(told).toEqual(['mic settles', 'mic leaves']);
});

test('who breaks off again before it was seen to be back is waited for anew, and once', async () => {
  wait('mic');
  await vi.advanceTimersByTimeAsync(graceMs - 1);
  wait('mic');
  await vi.advanceTimersByTimeAsync(graceMs - 1);
  expect(told).toEqual([]);
  await vi.advanceTimersByTimeAsync(10 * graceMs);
  expect(told).toEqual(['mic settles', 'mic leaves']);
});

test('closing gives up everybody at once, and whoever breaks off later too', async () => {
  wait('mic');
  await grace.close();
  expect(told).toEqual(['mic settles', 'mic leaves']);
  wait('system');
  await vi.advanceTimersByTimeAsync(0);
  expect(told.slice(2)).toEqual(['system settles', 'system leaves']);
});

test('closing waits for what is being done', async () => {
  let finish = () => {};
  wait('mic', () => new Promise((resolve) => (finish = resolve)));
  await vi.advanceTimersByTimeAsync(graceMs);
  let isClosed = false;
  const closing = grace.close().then(() => {
    isClosed = true;
  });
  await vi.advanceTimersByTimeAsync(1);
  expect(isClosed).toBe(false);
  finish();
  await closing;
  expect(told).toEqual(['mic settles', 'mic leaves']);
});

test('a source of another node is waited for without a claim of this one, and does not keep the meeting open here', async () => {
  grace.begin(meeting, 'mic', { leaveMeeting: async () => void told.push('mic leaves') });
  expect(grace.isOpen(meeting)).toBe(false);
  wait('system');
  expect(grace.isOpen(meeting)).toBe(true);
  await vi.advanceTimersByTimeAsync(graceMs);
  expect(told).toEqual(['mic leaves', 'system settles', 'system leaves']);
  expect(grace.isOpen(meeting)).toBe(false);
});
