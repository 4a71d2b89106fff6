/** What a live sender costs the hub: audio in, to the recognizer, words back, stored and shown. */
import { startPostgres } from '../postgres.mjs';
import { start } from './process.mjs';
import { programs } from './programs.mjs';
import { startRedis } from './redis.mjs';
import { shown, table } from './statistics.mjs';
import { token } from './token.mjs';

/** Before what is measured. */
const warmUpMs = 5_000;

export async function streams({ counts, frameSizesMs, ms, windows }) {
  const services = await Promise.all([startRedis(), startPostgres()]);
  const [redis, postgres] = services;
  const results = [];
  try {
    const sides = { memory: {} };
    if (redis && postgres) sides.cluster = { redisUrl: redis.url, pgUrl: postgres.url };
    for (const [side, urls] of Object.entries(sides))
      for (const senders of counts)
        for (const frameMs of frameSizesMs)
          results.push({
            side,
            senders,
            frameMs,
            windows: await listen(urls, senders, frameMs, ms, windows),
          });
  } finally {
    await Promise.all(services.map((service) => service?.stop()));
  }
  return results;
}

/** Meetings of its own for every hub: the one before may still have a lease on its own. */
let used = 0;

async function listen(urls, count, frameMs, ms, windows) {
  const [simulator, hub, senders] = [programs.simulator, programs.hub, programs.senders].map((one) =>
    start(one),
  );
  try {
    const simulatorUrl = await simulator.call('start');
    const port = await hub.call('start', { ...urls, simulatorUrl });
    const meetings = Array.from({ length: count }, (_, index) => used + index);
    used += count;
    await senders.call('connect', { port, meetings, token: token() });
    await senders.call('speak', { ms: warmUpMs, frameMs });
    const measured = [];
    for (let window = 0; window < windows; window += 1) {
      const before = await reading(hub, simulator);
      await senders.call('speak', { ms, frameMs });
      const after = await reading(hub, simulator);
      const perStreamSecond = (figure) => (after[figure] - before[figure]) / count / (ms / 1_000);
      measured.push({
        cpuMs: perStreamSecond('cpuUs') / 1_000,
        finals: perStreamSecond('finals'),
        statements: perStreamSecond('statements'),
        simulatorShare: (after.simulatorUs - before.simulatorUs) / (ms * 1_000),
      });
    }
    return measured;
  } finally {
    await Promise.all([senders, hub, simulator].map((process) => process.stop()));
  }
}

async function reading(hub, simulator) {
  const [{ cpuUs }, counts, { cpuUs: simulatorUs }] = await Promise.all([
    hub.call('usage'),
    hub.call('counts'),
    simulator.call('usage'),
  ]);
  return { cpuUs, ...counts, simulatorUs };
}

const names = { memory: 'one node, in memory', cluster: 'Redis and PostgreSQL' };

export function printStreams(results) {
  const rows = results.map(({ side, senders, frameMs, windows }) => {
    const of = (figure) => windows.map((window) => window[figure]);
    return [
      names[side],
      senders,
      frameMs,
      shown(of('cpuMs'), 2),
      shown(
        of('cpuMs').map((ms) => 1_000 / ms),
        0,
      ),
      shown(of('finals'), 2),
      shown(
        of('statements').map((statements, index) => statements / of('finals')[index]),
        1,
      ),
      shown(of('simulatorShare'), 2),
    ];
  });
  console.log('\n# Streams: live senders of 48 kHz mono');
  const columns = [
    '',
    'senders',
    'frame ms',
    'CPU ms/s each',
    'senders a core',
    'finals/s each',
    'SQL/final',
    'simulator cores',
  ];
  console.log(table(columns, rows));
}
