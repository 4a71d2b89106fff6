/** An event stream whose reader is gone, or has to go, before it has begun: nothing is held for it. */
import { getEventListeners } from 'node:events';
import { expect, test, vi } from 'vitest';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { pass, settled } from '../support/fake-clock.ts';
import { gate, meeting, set, stage } from '../support/stage.ts';
import { seated } from '../support/viewers.ts';

/** An event stream that is asked for, and has its seat when the gate opens. */
async function ask() {
  const seat = gate();
  const inner = memoryRegistry();
  set({
    registry: {
      ...inner,
      async seat(...args) {
        const given = await inner.seat(...args);
        await seat.passed;
        return given;
      },
    },
  });
  const timers = vi.getTimerCount();
  const leaving = new AbortController();
  const request = new Request(`http://hub/api/v1/meetings/${meeting.id}/events`, {
    headers: { authorization: 'Bearer ann', accept: 'text/event-stream' },
    signal: leaving.signal,
  });
  const answer = stage.hub.fetch(request);
  await settled();
  expect(await seated(stage)).toBe(1);
  return { seat, answer, leaving, request, timers };
}

test('who leaves while its seat is looked for leaves no timer, no seat and no listener behind', async () => {
  const { seat, answer, leaving, request, timers } = await ask();
  leaving.abort();
  seat.open();
  await answer;
  await settled();
  expect(vi.getTimerCount()).toBe(timers);
  expect(await seated(stage)).toBe(0);
  expect(getEventListeners(request.signal, 'abort')).toEqual([]);
  expect(stage.steps('subscriber')).toEqual(['joining', 'closed']);
});

test('nor does who has its seat when the hub has closed', async () => {
  const { seat, answer, request } = await ask();
  const closing = stage.hub.close();
  await pass(60_000);
  await closing;
  seat.open();
  expect(await (await answer)?.text()).toBe('');
  expect(vi.getTimerCount()).toBe(0);
  expect(await seated(stage)).toBe(0);
  expect(getEventListeners(request.signal, 'abort')).toEqual([]);
});
