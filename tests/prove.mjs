#!/usr/bin/env node
/** Proofs that take too long for every change: the same tests as always, at full length. `pnpm prove` lists them. */
import { spawnSync } from 'node:child_process';

const lost = 'tests/integration/no-word-lost';
const resilient = 'packages/server/test/recovery/resilient';

/** What each shows, about how many minutes it takes, its settings and its files. Other settings of the environment win. */
const proofs = {
  faults: {
    shows: 'recognizers and links away for up to 90 s, at the pace of life',
    minutes: 12,
    env: { MEETCAST_FAULT_LONG: '1', MEETCAST_OUTAGE_SECONDS: '60' },
    files: [lost, resilient, 'tests/integration/spool.itest'],
  },
  storms: {
    shows: 'faults at random, of every kind (MEETCAST_STORM_SEED)',
    minutes: 10,
    env: { MEETCAST_STORMS: '200', MEETCAST_RUNS: '400', MEETCAST_PROPERTY_RUNS: '200' },
    files: [`${lost}-storm`, resilient, 'tests/integration/property.itest'],
  },
  soak: {
    shows: 'eight hours of meeting: no drift, no growth (MEETCAST_SOAK_SEED)',
    minutes: 7,
    env: { MEETCAST_SOAK_HOURS: '8' },
    files: ['tests/integration/soak.itest'],
  },
  chaos: {
    shows: '3 nodes, 20 meetings, a minute of killed nodes and cut databases (MEETCAST_CHAOS_SEED)',
    minutes: 3,
    env: { MEETCAST_CHAOS_MS: '60000' },
    files: ['tests/integration/cluster.itest'],
  },
  crashes: {
    shows: 'senders and hubs killed again and again (MEETCAST_CRASH_SEED, MEETCAST_SPOOL_SEED)',
    minutes: 5,
    env: { MEETCAST_CRASHES: '20', MEETCAST_KILLS: '40' },
    files: ['tests/integration/crash.itest', 'tests/integration/spool'],
  },
  outages: {
    shows: 'databases away for as long as they are in life',
    minutes: 5,
    env: { MEETCAST_OUTAGE_MS: '15000', MEETCAST_AWAY_MS: '30000' },
    files: ['tests/integration/outage', 'tests/integration/cluster-away.itest'],
  },
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !Object.hasOwn(proofs, name));
if (asked.length === 0 || unknown !== undefined) {
  if (unknown !== undefined) console.error(`There is no proof "${unknown}".\n`);
  console.error('Usage: pnpm prove <name>…\n');
  for (const [name, { shows, minutes }] of Object.entries(proofs))
    console.error(`  ${name.padEnd(8)}  ${shows}; about ${minutes} min`);
  process.exit(asked.length === 0 ? 0 : 2);
}

for (const name of asked) {
  const { env, files } = proofs[name];
  const options = { stdio: 'inherit', env: { ...env, ...process.env } };
  const { status } = spawnSync('npx', ['vitest', 'run', ...files], options);
  if (status !== 0) process.exit(status ?? 1);
}
