/** Measures the SQL stores with a million segments: prints, and judges nothing but what is over 50 ms. */
import { corpus } from './corpus.mjs';
import { postgres, sqlite } from './databases.mjs';
import { final, load } from './load.mjs';
import { queries } from './queries.mjs';
import { recorded } from './recorded.mjs';
import { ms, rate, timed } from './timing.mjs';

const segments = Number(process.env.SEGMENTS ?? 1_000_000);
const limitMs = 50;
const tables = ['meetings', 'entries', 'terms', 'coverage'];

const made = corpus({ segments, meetings: Math.ceil(segments / 500) });
const largest = made.find(({ tenant }) => tenant === 'acme');
for (const open of [sqlite, postgres]) {
  const database = await open();
  if (database) await measure(database);
  else console.log('PostgreSQL is not installed: not measured');
}

async function measure(database) {
  try {
    const begun = performance.now();
    await load(database, made);
    console.log(`\n# ${database.name}: loaded in ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
    await printRows(database);
    await printTimes(database);
    await printPlans(database);
    await printAppends(database);
  } finally {
    await database.close();
  }
}

async function printRows({ all, bytes }) {
  for (const table of tables) {
    const [row] = await all(`SELECT COUNT(*) AS rows FROM meetcast_${table}`);
    console.log(`  ${table.padEnd(10)} ${Number(row.rows).toLocaleString('en')} rows`);
  }
  console.log(`  ${((await bytes()) / 1e6).toFixed(0)} MB`);
}

async function printTimes(database) {
  for (const [name, query] of Object.entries(queries(largest))) {
    const { p50, p99 } = await timed(() => query(database));
    const over = p99 > limitMs ? `   OVER ${limitMs} ms` : '';
    console.log(`  ${name.padEnd(58)} p50 ${ms(p50).padStart(9)}   p99 ${ms(p99).padStart(9)}${over}`);
  }
}

/** The plans of what the store really runs. */
async function printPlans(database) {
  for (const [name, query] of Object.entries(queries(largest))) {
    const statements = await recorded(() => query(database));
    console.log(`\n  plan of ${name}`);
    for (const { text, values } of statements.slice(-1)) {
      for (const line of await database.explain(text, values)) console.log(`    ${line}`);
    }
  }
}

async function printAppends({ store }) {
  const texts = largest.segments();
  for (const [callers, each] of [
    [1, 1_000],
    [50, 200],
    [500, 40],
  ]) {
    const { perSecond, loop99Ms, loopMaxMs } = await rate(callers, each, (caller, index) => {
      const meeting = { tenant: 'new', id: `${callers}-${caller}` };
      const reach = { source: 'mic', fence: 1, coveredMs: index * 3_000 };
      return store.append(meeting, final(meeting, index, texts[index % texts.length]), { reach });
    });
    console.log(
      `  append, ${callers} meetings, one at a time each: ${perSecond}/s, event loop p99 ${ms(loop99Ms)}, longest ${ms(loopMaxMs)}`,
    );
  }
}
