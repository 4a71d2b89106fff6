/** Everybody who watches a meeting on this node: how many they may be, and who comes when all have been asked to go. */
import { afterEach, expect, test, vi } from 'vitest';
import type { Grant } from '../../src/auth/authenticator.ts';
import { memoryBus } from '../../src/bus/memory.ts';
import { limitsWith } from '../../src/lib/limits.ts';
import type { MeetingRef } from '../../src/lib/meeting.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { Admission } from '../../src/socket/admission.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { Viewers } from '../../src/viewers/viewers.ts';
import { startHub, type TestHub } from '../support/hub.ts';
import { logOf, messageBus } from '../support/log.ts';
import { SlowLink } from '../support/slow-link.ts';

let hub: TestHub | undefined;
const warned: Error[] = [];
const warn = (warning: Error) => void warned.push(warning);

afterEach(async () => {
  process.off('warning', warn);
  warned.length = 0;
  await hub?.close();
  hub = undefined;
});

test('Node warns of no leak, however many read or poll at a time', async () => {
  process.on('warning', warn);
  const bus = memoryBus();
  const meetings = new Set<string>();
  hub = await startHub({
    bus: {
      ...bus,
      subscribe(meeting, listener) {
        meetings.add(meeting.id);
        return bus.subscribe(meeting, listener);
      },
    },
  });
  const { get } = hub;
  const numbers = Array.from({ length: 15 }, (_, number) => number);
  const streams = await Promise.all(numbers.map((number) => get(`/api/v1/meetings/s${number}/events`)));
  const polls = numbers.map((number) => get(`/api/v1/meetings/p${number}/events?wait_seconds=25`));
  await vi.waitFor(() => expect(meetings.size).toBe(30));
  const closing = hub.hub.close();
  for (const stream of streams) expect(await stream.text()).toContain('"code":"going_away"');
  for (const poll of polls) expect((await poll).status).toBe(200);
  await closing;
  expect(warned.map(String)).toEqual([]);
});

function watched() {
  const bus = messageBus();
  const store = memoryStore();
  const registry = memoryRegistry();
  const states: string[] = [];
  const viewers = new Viewers({
    bus,
    registry,
    limits: limitsWith({ closeSpreadMs: 1 }),
    observe: (event) => void (event.type === 'subscriber' && states.push(event.state)),
    log: (meeting: MeetingRef) => logOf(meeting, store, bus),
    outageMessage: () => undefined,
  });
  const asked: string[] = [];
  const enter = (name: string) => viewers.enter({ leave: () => void asked.push(name) });
  return { viewers, asked, enter, registry, states };
}

test('who is there is asked to leave, who has left is not', async () => {
  const { viewers, asked, enter } = watched();
  enter('stays');
  enter('leaves')();
  await viewers.askToLeave();
  expect(asked).toEqual(['stays']);
});

test('who comes while the others are asked is asked after them, and who comes later at once', async () => {
  const { viewers, asked, enter } = watched();
  enter('early')();
  await viewers.askToLeave();
  enter('meanwhile');
  expect(asked).toEqual([]);
  viewers.turnAway();
  expect(asked).toEqual(['meanwhile']);
  enter('late')();
  expect(asked).toEqual(['meanwhile', 'late']);
});

test('whoever comes late by a WebSocket takes no seat', async () => {
  const { viewers, registry, states } = watched();
  viewers.turnAway();
  const { connection } = new SlowLink();
  const grant: Grant = {
    userId: 'u1',
    tenant: 'acme',
    email: 'u1@acme.test',
    role: 'viewer',
    expiresAt: Date.now() + 60_000,
    may: new Set(['subscribe']),
  };
  const meeting = { tenant: 'acme', id: 'm' };
  const admission = new Admission(grant, meeting, 'subscribe', async () => grant, 1);
  viewers.admit(connection, admission, meeting, { kind: 'history', entries: 0 });
  expect(states).toEqual(['closed']);
  expect((await registry.counts(meeting)).subscribers).toBe(0);
});
