/** What a viewer costs who only listens, beside plain `ws` and Socket.IO. */
import { setTimeout as delay } from 'node:timers/promises';
import { start } from './process.mjs';
import { programs } from './programs.mjs';
import { shown, table } from './statistics.mjs';
import { token } from './token.mjs';

const servers = { hub: programs.hub, floor: programs.floor, peer: programs.peer };
const names = { hub: 'meetcast', floor: 'plain ws', peer: 'Socket.IO' };

/** Before what is measured: code is compiled, pools are filled. */
const warmUp = 200;
const perMeeting = 20;

export async function connections({ viewers, repeats }) {
  const measured = { hub: [], floor: [], peer: [] };
  for (let repeat = 0; repeat < repeats; repeat += 1)
    for (const kind of Object.keys(servers)) measured[kind].push(await grow(kind, viewers));
  return { viewers, measured };
}

/** Bytes per connection by which a fresh process grows. */
async function grow(kind, viewers) {
  const server = start(servers[kind], { execArgv: ['--expose-gc'] });
  const clients = start(programs.clients);
  try {
    const port = await server.call('start', { limits: {} });
    const connect = (from, count) => {
      const meetings = Array.from({ length: count / perMeeting }, (_, index) => from / perMeeting + index);
      return clients.call('connect', { kind, port, meetings, viewers: perMeeting, token: token() });
    };
    await connect(0, warmUp);
    const before = await settled(server);
    await connect(warmUp, viewers);
    const after = await settled(server);
    const grown = (figure) => (after[figure] - before[figure]) / viewers;
    return { rss: grown('rss'), heap: grown('heapUsed'), external: grown('external') };
  } finally {
    await Promise.all([server.stop(), clients.stop()]);
  }
}

async function settled(server) {
  await delay(1_000);
  await server.call('usage'); // Its two collections free what only finalizers held.
  await delay(200);
  return server.call('usage');
}

export function printConnections({ viewers, measured }) {
  const kb = (kind, figure) =>
    shown(
      measured[kind].map((one) => one[figure] / 1_000),
      1,
    );
  const rows = Object.keys(measured).map((kind) => [
    names[kind],
    kb(kind, 'rss'),
    kb(kind, 'heap'),
    kb(kind, 'external'),
  ]);
  console.log(`\n# Connections: kB per idle viewer, ${viewers} viewers, ${perMeeting} to a meeting`);
  console.log(table(['', 'resident', 'heap', 'buffers'], rows));
  console.log("  The kernel's own buffers for a socket come on top, for all alike.");
}
