/** What a sender keeps: in memory alone, or in a spool that is slow, fails, or has more than memory has. */
import { expect, test } from 'vitest';
import { KeptAudio } from '../src/kept-audio.ts';
import { GuardedSpool } from '../src/spool/guarded-spool.ts';
import type { Spool } from '../src/spool/spool.ts';
import { counted, counting } from './support/hub.ts';

const format = { sampleRate: 8_000, channels: 1 };
const second = 8_000;

/** A spool that holds audio in memory; each write waits until the test lets it be done, or fail. */
function slowSpool() {
  const taken: Uint8Array[] = [];
  const writes: { done(): void; fail(): void }[] = [];
  const nothing = async () => {};
  const spool: Spool = {
    left: undefined,
    append: (audio) =>
      new Promise((resolve, reject) => {
        const done = () => {
          taken.push(audio);
          resolve();
        };
        writes.push({ done, fail: () => reject(new Error('the disk is full')) });
      }),
    note: nothing,
    read: async (at) => new Uint8Array(Buffer.concat(taken).subarray(at)),
    forget: nothing,
    close: nothing,
    remove: nothing,
  };
  return { spool: new GuardedSpool(spool, () => {}), writes };
}

test('what is let go of is gone from memory, never more than there is, and never comes back', () => {
  const kept = new KeptAudio(format);
  void kept.append(counting(0, 800));
  kept.forget(400);
  expect([kept.start, kept.keptMs, kept.read(399, 1)]).toEqual([400, 50, undefined]);
  kept.forget(100);
  expect(kept.start).toBe(400);
  kept.forget(9_000);
  expect([kept.start, kept.end, kept.keptMs]).toEqual([800, 800, 0]);
  void kept.append(counting(800, 80));
  expect(counted(kept.read(800, 80) ?? new Uint8Array())).toEqual({ from: 800, frames: 80 });
});

test('a spool that is far behind, and then fails, has cost no audio', async () => {
  const { spool, writes } = slowSpool();
  const kept = new KeptAudio(format, spool);
  const first = kept.append(counting(0, second));
  const rest = kept.append(counting(second, 15 * second));
  writes[0]?.done();
  await first;
  expect([kept.sendable, kept.end]).toEqual([second, 16 * second]);
  writes[1]?.fail();
  await rest;
  expect(kept.sendable).toBe(16 * second);
  const audio = kept.read(second, 15 * second) ?? new Uint8Array();
  expect(counted(audio)).toEqual({ from: second, frames: 15 * second });
});

test('the newest ten seconds are at hand; what is older is fetched, from where it is asked for', async () => {
  const { spool, writes } = slowSpool();
  const kept = new KeptAudio(format, spool);
  const taken = kept.append(counting(0, 15 * second));
  writes[0]?.done();
  await taken;
  expect(kept.read(5 * second, 80)?.length).toBe(160);
  expect(kept.read(5 * second - 1, 80)).toBeUndefined();
  await kept.fetch(2 * second);
  expect(counted(kept.read(2 * second, 80) ?? new Uint8Array())).toEqual({ from: 2 * second, frames: 80 });
  expect(kept.read(2 * second - 80, 80)).toBeUndefined();
});

test('half a sample is in no spool before its other half is there', () => {
  const { spool, writes } = slowSpool();
  const kept = new KeptAudio(format, spool);
  expect([kept.append(new Uint8Array(1)), writes.length]).toEqual([undefined, 0]);
  void kept.append(new Uint8Array(2));
  expect([kept.end, writes.length]).toEqual([1, 1]);
});
