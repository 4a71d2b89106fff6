/** How long calls take, and how long they hold up the event loop. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds: half of the calls, and all but one of a hundred, took at most this. */
export async function timed(call, { times = 200, atMostMs = 5_000 } = {}) {
  for (let warmUp = 0; warmUp < 3; warmUp += 1) await call();
  const taken = [];
  const end = performance.now() + atMostMs;
  while (taken.length < times && performance.now() < end) {
    const begun = performance.now();
    await call();
    taken.push(performance.now() - begun);
  }
  taken.sort((a, b) => a - b);
  const at = (share) => taken[Math.min(taken.length - 1, Math.floor(share * taken.length))];
  return { p50: at(0.5), p99: at(0.99), calls: taken.length };
}

/** Calls a second of many callers who each wait for the last answer, and the longest stop of the event loop. */
export async function rate(callers, callsEach, call) {
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let index = 1; index <= callsEach; index += 1) await call(caller, index);
    }),
  );
  const seconds = (performance.now() - begun) / 1_000;
  loop.disable();
  return {
    perSecond: Math.round((callers * callsEach) / seconds),
    loop99Ms: loop.percentile(99) / 1e6,
    loopMaxMs: loop.max / 1e6,
  };
}

export const ms = (value) => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
