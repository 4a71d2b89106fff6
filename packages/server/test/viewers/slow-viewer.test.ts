/** A viewer whose link is held in hand: what waits, what is let go, and in which order it goes out. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Grant } from '../../src/auth/authenticator.ts';
import type { Message } from '../../src/bus/message.ts';
import { limitsWith } from '../../src/lib/limits.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { Admission } from '../../src/socket/admission.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { Rooms } from '../../src/viewers/rooms.ts';
import { ViewerSession } from '../../src/viewers/session.ts';
import { finalEntry, freshMeeting, partialEvent } from '../support/entries.ts';
import { upTo } from '../support/hub.ts';
import { logOf, messageBus } from '../support/log.ts';
import { SlowLink } from '../support/slow-link.ts';

const grant: Grant = {
  userId: 'u1',
  tenant: 'acme',
  email: 'u1@acme.test',
  role: 'viewer',
  expiresAt: Date.now() + 3_600_000,
  may: new Set(['subscribe']),
};

let rooms: Rooms | undefined;
let session: ViewerSession | undefined;

beforeEach(() => {
  rooms = undefined;
});
afterEach(async () => {
  session?.closed();
  await rooms?.close();
});

/** A viewer that is live on a link that takes nothing yet but `connected`. */
async function watch(changes: Parameters<typeof limitsWith>[0], entries = 0) {
  const observe = () => {};
  const limits = limitsWith({ headCheckMs: 600_000, ...changes });
  const bus = messageBus();
  const log = logOf(freshMeeting(), memoryStore(), bus);
  for (let number = 1; number <= entries; number += 1) await log.append(finalEntry(number, { text: large }));
  rooms = new Rooms(bus, limits, observe);
  const outageMessage = () => undefined;
  const context = { log, rooms, registry: memoryRegistry(), limits, observe, outageMessage };
  const link = new SlowLink();
  const admission = new Admission(grant, log.meeting, 'subscribe', () => Promise.reject(new Error()), 1);
  session = new ViewerSession(link.connection, admission, context);
  const started = session.start({ kind: 'history', entries: Number.POSITIVE_INFINITY });
  await turn();
  const said = () =>
    link.events.flatMap((event) =>
      'text' in event ? [`${event.type.slice(11)} ${event.segment_no} ${name(event.text)}`] : [],
    );
  return { link, log, said, started };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const large = 'x'.repeat(20_000);
const name = (text: string) => text.slice(0, 8).replace(/x+$/, '…');

/** Everything in one turn of the event loop is one batch. */
async function batch(...publish: (() => Promise<Message> | Message)[]): Promise<void> {
  for (const one of publish) await one();
  await turn();
}

test('[SUB8] of the partials of a slow viewer only the newest of each source goes out', async () => {
  const { link, log, said } = await watch({ softUnsentBytes: 16_384 });
  await link.step();
  await batch(() => log.show(partialEvent(1, large)));
  for (const text of ['a', 'b', 'c']) await batch(() => log.show(partialEvent(1, text)));
  for (const text of ['d', 'e']) await batch(() => log.show(partialEvent(2, text, 'system')));
  await link.open();
  expect(said()).toEqual(['partial 1 …', 'partial 1 c', 'partial 2 e']);
});

test('[SUB8] however small the soft bound, what is held goes out when the link is free', async () => {
  const { link, log, said } = await watch({ softUnsentBytes: 1 });
  await link.step();
  await batch(() => log.show(partialEvent(1, 'a')));
  await batch(() => log.show(partialEvent(1, 'a b')));
  await link.open();
  expect(said().at(-1)).toBe('partial 1 a b');
});

test('[SUB8] however small the soft bound, a catch-up on a slow link ends', async () => {
  const { link, said, started } = await watch({ softUnsentBytes: 1, pageEntries: 1 }, 6);
  await link.open();
  await started;
  expect(said()).toHaveLength(6);
});

test('[SUB8] a catch-up waits for a slow link instead of filling it', async () => {
  const { link, started } = await watch({ softUnsentBytes: 40_000, pageEntries: 1 }, 50);
  expect(link.stream.writableLength).toBeLessThan(100_000);
  await link.open();
  await started;
  expect(link.events).toHaveLength(51);
});

test('[LOG5] a partial that was held does not go out after its own final', async () => {
  const { link, log, said } = await watch({ softUnsentBytes: 16_384 });
  await link.step();
  await batch(() => log.show(partialEvent(1, large)));
  await batch(() => log.show(partialEvent(1, 'held')));
  await batch(() => log.append(finalEntry(1)));
  await link.open();
  expect(said()).toEqual(['partial 1 …', 'final 1 final 1']);
});

test('[LOG5] nor when the link has come free in between, but not told yet', async () => {
  const { link, log, said } = await watch({ softUnsentBytes: 16_384 });
  await link.step();
  await batch(() => log.append(finalEntry(1, { text: large })));
  await batch(() => log.append(finalEntry(2)));
  await batch(() => log.show(partialEvent(3, 'held')));
  await link.step(); // The large one is gone, the small one is not: below the bound, without a drain.
  await batch(() => log.show(partialEvent(3, 'newer')));
  await batch(() => log.append(finalEntry(3)));
  await link.open();
  expect(said().slice(2)).toEqual(['partial 3 newer', 'final 3 final 3']);
});

test('[LOG5] nor does an older partial go out after a newer one', async () => {
  const { link, log, said } = await watch({ softUnsentBytes: 16_384 });
  await link.step();
  await batch(() => log.append(finalEntry(1, { text: large })));
  await batch(() => log.append(finalEntry(2)));
  await batch(() => log.show(partialEvent(3, 'held')));
  await link.step();
  await batch(() => log.show(partialEvent(3, 'newer')));
  await link.open();
  expect(said().slice(2)).toEqual(['partial 3 newer']);
});

test('[SUB8] every final of a slow viewer goes out, in order, up to the hard bound', async () => {
  const { link, log, said } = await watch({ softUnsentBytes: 16_384, hardUnsentBytes: 10_000_000 });
  await link.step();
  for (const number of upTo(30)) {
    await batch(
      () => log.show(partialEvent(number, 'so far')),
      () => log.append(finalEntry(number, { text: large })),
    );
  }
  expect(link.closedWith).toBeUndefined();
  await link.open();
  expect(said().filter((one) => one.startsWith('final'))).toEqual(
    upTo(30).map((number) => `final ${number} …`),
  );
});

test('[SUB8] past the hard bound the socket closes with 4008', async () => {
  const { link, log } = await watch({ softUnsentBytes: 16_384, hardUnsentBytes: 100_000 });
  await link.step();
  for (const number of upTo(10)) await batch(() => log.append(finalEntry(number, { text: large })));
  expect(link.closedWith).toBe(4008);
  expect(link.stream.writableLength).toBeLessThan(150_000);
});
