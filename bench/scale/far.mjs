/** How long after it was stored on one node a final is seen by a viewer of another, beside a bare Redis message. */
import { setTimeout as delay } from 'node:timers/promises';
import { startPostgres } from '../postgres.mjs';
import { fromServer } from './packages.mjs';
import { now, start } from './process.mjs';
import { programs } from './programs.mjs';
import { startRedis } from './redis.mjs';
import { percentile, shown, table } from './statistics.mjs';
import { meetingId } from './talk.mjs';
import { tenant, token } from './token.mjs';

const { WebSocket } = fromServer('ws');
const { Redis } = fromServer('ioredis');

const channel = 'bench:bare';
const meetings = 10;
const text =
  'so the plan for next week is that we move the budget to the new team and they tell us by Friday';

/** The three ways take turns: hub, bare Redis, and bare Redis with a WebSocket behind it. */
export async function far({ blocks, perBlock, perSecond }) {
  const services = await Promise.all([startRedis(), startPostgres()]);
  const [redis, postgres] = services;
  if (!redis || !postgres) throw new Error('this needs redis-server and PostgreSQL');
  const processes = [];
  const open = async (program, options) => {
    const { call, stop } = start(program);
    processes.push({ stop });
    return { call, port: await call('start', options) };
  };
  try {
    const hub = { pgUrl: postgres.url, redisUrl: redis.url, isTraced: true };
    const [a, b] = [await open(programs.hub, hub), await open(programs.hub, hub)];
    const bare = { url: redis.url };
    const [x, y, relay] = await Promise.all([0, 1, 2].map(() => open(programs.bare, bare)));
    const viewers = await watchAll(b.port);
    const relayed = await watchRelay(await relay.call('relay', { channel: `${channel}:relay` }));
    await y.call('hear', { channel });
    const pace = { count: perBlock, perSecond };
    const bytes = await sizeOnTheBus(redis, () =>
      a.call('finals', { count: 200, meetings, perSecond, text }),
    );
    const ways = {
      hub: () => throughHubs(a, b, viewers, pace),
      bare: async () => {
        const sent = await x.call('publish', { ...pace, channel, bytes });
        await delay(100);
        return differences(sent, await y.call('heard'));
      },
      relay: async () => {
        const sent = await x.call('publish', { ...pace, channel: `${channel}:relay`, bytes });
        await delay(100);
        return differences(sent, relayed.take());
      },
    };
    const measured = { hub: [], bare: [], relay: [] };
    for (const way of Object.values(ways)) await way(); // Warm-up.
    for (let block = 0; block < blocks; block += 1)
      for (const [name, way] of Object.entries(ways)) measured[name].push(await way());
    return {
      bytes,
      perSecond,
      blocks,
      redis: redis.version,
      postgres: postgres.version,
      ...summary(measured),
    };
  } finally {
    await Promise.all(processes.map((process) => process.stop()));
    await Promise.all(services.map((service) => service?.stop()));
  }
}

async function throughHubs(a, b, viewers, pace) {
  viewers.take();
  await Promise.all([a.call('traced'), b.call('traced')]);
  await a.call('finals', { ...pace, meetings, text });
  await delay(100);
  const [{ appended, published }, { heard }] = await Promise.all([a.call('traced'), b.call('traced')]);
  const seen = viewers.take();
  const steps = [...appended]
    .filter(([entry]) => seen.has(entry) && heard.has(entry))
    .map(([entry, at]) => ({
      total: seen.get(entry) - at,
      toPublish: published.get(entry) - at,
      toNode: heard.get(entry) - published.get(entry),
      toViewer: seen.get(entry) - heard.get(entry),
    }));
  return { steps, lost: appended.size - steps.length };
}

function differences(sent, heard) {
  const steps = sent.flatMap((at, index) =>
    heard[index] === undefined ? [] : [{ total: heard[index] - at }],
  );
  return { steps, lost: sent.length - steps.length };
}

/** A viewer in every meeting, who notes when it got which entry. */
async function watchAll(port) {
  let seen = new Map();
  await Promise.all(
    Array.from({ length: meetings }, (_, index) => {
      const id = meetingId(index);
      const headers = { authorization: `Bearer ${token()}` };
      const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v1/ws/meetings/${id}`, { headers });
      return new Promise((resolve, reject) => {
        socket.on('error', reject);
        socket.on('message', (message) => {
          const at = now();
          const { type, seq } = JSON.parse(message);
          if (type === 'connected') resolve();
          else if (seq !== undefined) seen.set(`${id}/${seq}`, at);
        });
      });
    }),
  );
  const take = () => {
    const taken = seen;
    seen = new Map();
    return taken;
  };
  return { take };
}

async function watchRelay(port) {
  let seen = [];
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  socket.on('message', (message) => {
    const at = now();
    seen[Number(message.toString('latin1', 0, 8))] = at;
  });
  const take = () => {
    const taken = seen;
    seen = [];
    return taken;
  };
  return { take };
}

/** How many bytes a final has in Redis; meanwhile the hubs warm up. */
async function sizeOnTheBus({ url }, speak) {
  const ear = new Redis(url);
  const sizes = [];
  ear.on('messageBuffer', (_channel, message) => sizes.push(message.length));
  await ear.subscribe(`meeting:{${tenant}/${meetingId(0)}}:transcript`);
  await speak();
  ear.disconnect();
  return percentile(sizes, 0.5);
}

function summary(measured) {
  const ways = Object.entries(measured).map(([name, blocks]) => [
    name,
    {
      samples: blocks.reduce((sum, { steps }) => sum + steps.length, 0),
      lost: blocks.reduce((sum, { lost }) => sum + lost, 0),
      blocks: blocks.map(({ steps }) => quantiles(steps.map(({ total }) => total))),
      all: quantiles(blocks.flatMap(({ steps }) => steps.map(({ total }) => total))),
    },
  ]);
  const steps = measured.hub.flatMap((block) => block.steps);
  const parts = ['toPublish', 'toNode', 'toViewer'].map((part) => [
    part,
    quantiles(steps.map((step) => step[part])),
  ]);
  return { ways: Object.fromEntries(ways), parts: Object.fromEntries(parts) };
}

const quantiles = (values) => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) });

const names = {
  hub: 'stored on A → viewer of B',
  bare: 'bare PUBLISH → message',
  relay: 'bare PUBLISH → message → ws',
};

export function printFar({ bytes, perSecond, blocks, ways, parts }) {
  const ratios = (name, quantile) =>
    ways[name].blocks.map((block, index) => block[quantile] / ways.bare.blocks[index][quantile]);
  const rows = Object.keys(ways).map((name) => [
    names[name],
    ways[name].all.p50.toFixed(0),
    ways[name].all.p99.toFixed(0),
    shown(ratios(name, 'p50'), 2),
    shown(ratios(name, 'p99'), 2),
    ways[name].samples,
    ways[name].lost,
  ]);
  console.log(`\n# Far: ${bytes} bytes, ${perSecond}/s, ${blocks} blocks of each in turn`);
  console.log(table(['', 'p50 µs', 'p99 µs', '× bare, p50', '× bare, p99', 'samples', 'lost'], rows));
  const overall = (quantile) => (ways.hub.all[quantile] / ways.bare.all[quantile]).toFixed(2);
  console.log(`  all samples together: × ${overall('p50')} at p50, × ${overall('p99')} at p99`);
  const part = (name) => `${parts[name].p50.toFixed(0)} (p99 ${parts[name].p99.toFixed(0)})`;
  console.log(
    `  of it: stored → published ${part('toPublish')}, → room of B ${part('toNode')}, → viewer ${part('toViewer')} µs`,
  );
}
