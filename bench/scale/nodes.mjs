/** What Redis and PostgreSQL see of a meeting whose viewers are on two nodes. */
import { setTimeout as delay } from 'node:timers/promises';
import { startPostgres } from '../postgres.mjs';
import { start } from './process.mjs';
import { programs } from './programs.mjs';
import { startRedis } from './redis.mjs';
import { table } from './statistics.mjs';
import { meetingId } from './talk.mjs';
import { tenant, token } from './token.mjs';

/** Of each meeting, on each node. */
const viewers = 10;
const frameMs = 100;

export async function nodes({ meetings, ms }) {
  const services = await Promise.all([startRedis(), startPostgres()]);
  const [redis, postgres] = services;
  if (!redis || !postgres) throw new Error('this needs redis-server and PostgreSQL');
  const [simulator, a, b, senders, ...clients] = [
    programs.simulator,
    programs.hub,
    programs.hub,
    programs.senders,
    programs.clients,
    programs.clients,
  ].map((program) => start(program));
  try {
    const simulatorUrl = await simulator.call('start');
    const hub = { redisUrl: redis.url, pgUrl: postgres.url, simulatorUrl };
    const ports = await Promise.all([a, b].map((node) => node.call('start', hub)));
    const look = (work) => watched(redis, [a, b], ms, work);
    await delay(3_000);
    const empty = await look(() => delay(ms));
    const all = Array.from({ length: meetings }, (_, index) => index);
    await Promise.all(
      clients.map((client, index) =>
        client.call('connect', { kind: 'hub', port: ports[index], meetings: all, viewers, token: token() }),
      ),
    );
    await delay(3_000);
    const watching = await look(() => delay(ms));
    const watchingMemory = await memoryOf(redis);
    await senders.call('connect', { port: ports[0], meetings: all, token: token() });
    await senders.call('speak', { ms: 5_000, frameMs });
    const speaking = await look(() => senders.call('speak', { ms, frameMs }));
    const speakingMemory = await memoryOf(redis);
    return { meetings, viewers, empty, watching, speaking, watchingMemory, speakingMemory };
  } finally {
    await Promise.all([senders, ...clients, a, b, simulator].map((process) => process.stop()));
    await Promise.all(services.map((service) => service.stop()));
  }
}

/** What happens meanwhile, a second. */
async function watched(redis, hubs, ms, work) {
  const before = await reading(redis, hubs);
  await work();
  const after = await reading(redis, hubs);
  const seconds = (after.at - before.at) / 1_000;
  const perSecond = (now, then) =>
    Object.fromEntries(
      Object.entries(now)
        .map(([name, count]) => [name, (count - (then[name] ?? 0)) / seconds])
        .filter(([, rate]) => rate > 0),
    );
  return {
    commands: perSecond(after.commands, before.commands),
    nodes: after.nodes.map((node, index) => perSecond(node, before.nodes[index])),
    bytes: perSecond(after.bytes, before.bytes),
    ms,
  };
}

async function reading({ client }, hubs) {
  const at = performance.now();
  const nodes = await Promise.all(
    hubs.map(async (hub) => ({ ...(await hub.call('counts')), cpuUs: (await hub.call('usage')).cpuUs })),
  );
  const stats = await client.info('commandstats');
  const commands = [...stats.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)]
    .filter(([, name]) => name !== 'info')
    .map(([, name, calls]) => [name, Number(calls)]);
  const traffic = await client.info('stats');
  const bytes = (name) => Number(new RegExp(`total_net_${name}_bytes:(\\d+)`).exec(traffic)[1]);
  const total = { in: bytes('input'), out: bytes('output') };
  return { at, nodes, commands: Object.fromEntries(commands), bytes: total };
}

/** What nodes sent; the rest ran within their scripts. */
const sentIn = ({ commands }) =>
  Object.fromEntries(
    Object.entries(commands).filter(([name]) => /^(eval|s?publish|s?subscribe|del)/.test(name)),
  );

/** Bytes of one meeting's keys, and of all that meetings share. */
async function memoryOf({ client }) {
  const keys = await client.keys('*');
  const sizes = Object.fromEntries(
    await Promise.all(keys.map(async (key) => [key, Number(await client.memory('USAGE', key))])),
  );
  const own = Object.entries(sizes).filter(([key]) => key.includes(`{${tenant}/${meetingId(0)}}`));
  const shared = Object.entries(sizes).filter(([key]) => !key.includes(`{${tenant}/`));
  return { own: Object.fromEntries(own), shared: Object.fromEntries(shared) };
}

export function printNodes({ meetings, empty, watching, speaking, watchingMemory, speakingMemory }) {
  const sum = (values) => Object.values(values).reduce((one, other) => one + other, 0);
  const perMeeting = (now, then, of) => ((of(now) - of(then)) / meetings).toFixed(2);
  const commands = (phase) => sum(Object.values(sentIn(phase)));
  const statements = (node) => (phase) => phase.nodes[node].statements ?? 0;
  const rows = [
    ['two nodes, no meeting', commands(empty).toFixed(1), sum(empty.bytes).toFixed(0), '', ''],
    ...[
      ['each meeting that is watched', watching, empty],
      ['each meeting that is spoken in, beyond', speaking, watching],
    ].map(([name, now, then]) => [
      name,
      perMeeting(now, then, commands),
      perMeeting(now, then, ({ bytes }) => sum(bytes)),
      perMeeting(now, then, statements(0)),
      perMeeting(now, then, statements(1)),
    ]),
  ];
  console.log(`\n# Nodes: ${meetings} meetings, ${viewers} viewers of each on each of two nodes; a second:`);
  console.log(table(['', 'Redis commands', 'Redis bytes', 'SQL on A', 'SQL on B'], rows));
  for (const [name, phase] of Object.entries({ empty, watching, speaking })) {
    const counts = Object.entries(phase.commands).map(([command, rate]) => `${command} ${rate.toFixed(1)}`);
    console.log(`  ${name}, those within scripts too: ${counts.join(', ')}`);
  }
  const { finals, statements: all } = speaking.nodes[0];
  console.log(
    `  finals: ${(finals / meetings).toFixed(2)}/s in each meeting, ${(all / finals).toFixed(1)} SQL each`,
  );
  for (const [name, { own, shared }] of Object.entries({ watchingMemory, speakingMemory }))
    console.log(
      `  ${name}: ${sum(own)} bytes in ${Object.keys(own).length} keys of a meeting, ${sum(shared)} bytes shared`,
    );
}
