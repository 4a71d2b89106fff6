/** A hub under measurement, as a host would run it, and ears at its store, its bus and its database. */
import { createServer } from 'node:http';
import { fromServer } from './packages.mjs';
import { answer, usage } from './process.mjs';
import { meetingId, paced, talk } from './talk.mjs';
import { secret, tenant } from './token.mjs';
import { Trace } from './trace.mjs';

const { createTranscriptHub, jwtAuthenticator } = fromServer('./dist/index.cjs');

let hub;
let trace;
let finals = 0;
let statements = 0;

answer({
  usage,
  /** Starts with what it is given: a PostgreSQL, a Redis, a simulated recognizer, or none of them. */
  async start({ pgUrl, redisUrl, simulatorUrl, limits, isTraced = false }) {
    trace = isTraced ? new Trace() : undefined;
    const parts = { ...(pgUrl ? { store: postgres(pgUrl) } : {}), ...(redisUrl ? cluster(redisUrl) : {}) };
    hub = createTranscriptHub({
      auth: jwtAuthenticator({ secret }),
      recognizer: recognizer(simulatorUrl),
      limits,
      observe(event) {
        if (event.type === 'final') finals += 1;
        if (event.type === 'error') process.stderr.write(`${event.stage}: ${String(event.error)}\n`);
      },
      ...(trace ? trace.around(parts) : parts),
    });
    const server = createServer();
    hub.attach(server);
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
  },
  talk(pace) {
    const meetings = Array.from({ length: pace.meetings }, (_, index) => meetingOf(index));
    return talk(pace, (meeting, isFinal, segment) => {
      const spoken = { ...segment, source: 'mic', language: 'en' };
      void (isFinal ? meetings[meeting].final(spoken) : meetings[meeting].partial(spoken));
    });
  },
  /** Stores so many finals, in turn in each of these meetings, at a steady pace; resolves when all are stored. */
  async finals({ count, meetings, perSecond, text }) {
    const stored = [];
    await paced(count, 1e6 / perSecond, (index) => {
      stored.push(meetingOf(index % meetings).final({ text, startMs: 1_000, endMs: 4_000, source: 'mic' }));
    });
    await Promise.all(stored);
  },
  /** When what happened here since it was last asked. */
  traced: () => trace.take(),
  counts: () => ({ finals, statements }),
});

const meetingOf = (index) => hub.meeting({ tenant, id: meetingId(index) });

function postgres(url) {
  const pg = fromServer('pg');
  const { query } = pg.Client.prototype;
  pg.Client.prototype.query = function counting(...args) {
    statements += 1;
    return query.apply(this, args);
  };
  return fromServer('./dist/postgres.cjs').postgresStore({ url });
}

function cluster(url) {
  const { redisBus, redisRegistry } = fromServer('./dist/redis.cjs');
  return { bus: redisBus({ url }), registry: redisRegistry({ url }) };
}

function recognizer(url) {
  if (url) return fromServer('./dist/deepgram.cjs').deepgram({ apiKey: 'simulated', endpoint: url });
  return { open: () => Promise.reject(new Error('nobody sends audio here')) };
}
