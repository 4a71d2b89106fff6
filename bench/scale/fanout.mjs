/** What it costs a process to hand events to viewers, beside plain `ws` and Socket.IO. */
import { setTimeout as delay } from 'node:timers/promises';
import { startPostgres } from '../postgres.mjs';
import { start } from './process.mjs';
import { programs } from './programs.mjs';
import { startRedis } from './redis.mjs';
import { median, percentile, shown, table } from './statistics.mjs';
import { token } from './token.mjs';

const finalEveryMs = 3_000;
const servers = { hub: programs.hub, node: programs.hub, floor: programs.floor, peer: programs.peer };
const names = { hub: 'meetcast', node: 'meetcast, from Redis', floor: 'plain ws.send', peer: 'Socket.IO' };
const shapes = [
  { meetings: 1, viewers: 200 },
  { meetings: 100, viewers: 20 },
];
const rates = [5, 20];

export async function fanout({ blocks, blockMs }) {
  const results = [];
  // A Redis of its own for every shape: seats of processes that have ended are free only after a while.
  for (const shape of shapes) {
    const services = await Promise.all([startRedis(), startPostgres()]);
    try {
      results.push(...(await measure(shape, services, blocks, blockMs)));
    } finally {
      await Promise.all(services.map((service) => service?.stop()));
    }
  }
  return results;
}

async function measure(shape, [redis, postgres], blocks, blockMs) {
  const cluster = redis && postgres ? { redisUrl: redis.url, pgUrl: postgres.url } : undefined;
  const kinds = Object.keys(servers).filter((kind) => kind !== 'node' || cluster);
  const sides = await Promise.all(kinds.map((kind) => openSide(kind, shape, cluster)));
  const results = [];
  try {
    for (const partialsPerSecond of rates)
      results.push(await compare(sides, { ...shape, partialsPerSecond }, blocks, blockMs));
  } finally {
    await Promise.all(sides.map((side) => side.stop()));
  }
  return results;
}

/**
 * A server and its viewers, who sit in processes of their own. The side `node` is a node that hears everything from
 * another one, whose work is not counted.
 */
async function openSide(kind, { meetings, viewers }, cluster) {
  const server = start(servers[kind]);
  const options = { limits: { subscribersPerMeeting: viewers }, ...(kind === 'node' ? cluster : {}) };
  const port = await server.call('start', options);
  const other = kind === 'node' ? start(servers.node) : undefined;
  await other?.call('start', options);
  const halves = [0, 1].map((half) => ({
    process: start(programs.clients),
    meetings: Array.from({ length: meetings }, (_, index) => index).filter(
      (index) => meetings === 1 || index % 2 === half,
    ),
  }));
  const each = meetings === 1 ? viewers / 2 : viewers;
  await Promise.all(
    halves.map((half) =>
      half.process.call('connect', {
        kind: kind === 'node' ? 'hub' : kind,
        port,
        meetings: half.meetings,
        viewers: each,
        token: token(),
      }),
    ),
  );
  const collect = async () => {
    const parts = await Promise.all(halves.map((half) => half.process.call('collect')));
    return {
      delivered: parts.reduce((sum, { delivered }) => sum + delivered, 0),
      latenciesUs: parts.flatMap(({ latenciesUs }) => [...latenciesUs]),
    };
  };
  return {
    kind,
    server,
    speaker: other ?? server,
    collect,
    stop: () => Promise.all([server, other, ...halves.map((half) => half.process)].map((one) => one?.stop())),
  };
}

/** The sides take turns, so that a change of the machine's mood meets them all. */
async function compare(sides, load, blocks, blockMs) {
  const pace = { meetings: load.meetings, partialsPerSecond: load.partialsPerSecond, finalEveryMs };
  const measured = Object.fromEntries(sides.map(({ kind }) => [kind, []]));
  for (const side of sides) await block(side, { ...pace, ms: blockMs / 2 }); // Warm-up.
  for (let turn = 0; turn < blocks; turn += 1)
    for (const side of sides) measured[side.kind].push(await block(side, { ...pace, ms: blockMs }));
  return { load, measured };
}

async function block({ server, speaker, collect }, pace) {
  await collect();
  const before = await server.call('usage');
  await speaker.call('talk', pace);
  await delay(200); // What is on its way.
  const after = await server.call('usage');
  const { delivered, latenciesUs } = await collect();
  return {
    delivered,
    cpuUsPerDelivered: (after.cpuUs - before.cpuUs) / delivered,
    userUsPerDelivered: (after.userUs - before.userUs) / delivered,
    p50Us: percentile(latenciesUs, 0.5),
    p99Us: percentile(latenciesUs, 0.99),
  };
}

export function printFanout(results) {
  for (const { load, measured } of results) {
    const of = (kind, figure) => measured[kind].map((one) => one[figure]);
    const floor = of('floor', 'cpuUsPerDelivered');
    const rows = Object.keys(measured).map((kind) => {
      const cpu = of(kind, 'cpuUsPerDelivered');
      return [
        names[kind],
        shown(cpu, 2),
        shown(
          cpu.map((value, turn) => value / floor[turn]),
          2,
        ),
        shown(of(kind, 'p50Us').map(inMs), 2),
        shown(of(kind, 'p99Us').map(inMs), 2),
        median(of(kind, 'delivered')).toFixed(0),
      ];
    });
    console.log(
      `\n# Fan-out: ${load.meetings} × ${load.viewers} viewers, ${load.partialsPerSecond} partials/s and a final every 3 s in each meeting`,
    );
    console.log(table(['', 'CPU µs/message', '× plain ws', 'p50 ms', 'p99 ms', 'messages'], rows));
  }
}

const inMs = (us) => us / 1_000;
