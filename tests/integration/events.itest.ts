import { EventPage, Problem } from '@meetcast/protocol';
import type { Store } from '@meetcast/server';
import { memoryRegistry, memoryStore } from '@meetcast/server';
import { describe, expect, test, vi } from 'vitest';
import { countingBus } from '../support/adapters.ts';
import { EventReader } from '../support/event-reader.ts';
import { RawSocket } from '../support/raw-socket.ts';
import { mintToken, type Stage, startHub, type TokenClaims, unhurried } from '../support/start-hub.ts';
import { stores } from '../support/stores.ts';

const ref = { tenant: 'acme', id: 'm' };

async function request(
  stage: Stage,
  query = '',
  claims: TokenClaims = {},
  headers: object = {},
  meeting = 'm',
) {
  const address = `http://127.0.0.1:${stage.port}/api/v1/meetings/${meeting}/events?${query}`;
  return await fetch(address, {
    headers: { authorization: `Bearer ${await mintToken(claims)}`, ...headers },
  });
}

async function read(stage: Stage, query = '', claims: TokenClaims = {}, lastEventId?: string) {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const { status, body } = await request(stage, query, claims, headers);
  expect(status).toBe(200);
  if (!body) throw new Error('there is no stream');
  const reader = new EventReader(body);
  await reader.until(({ events }) => events[0]);
  return reader;
}

const poll = async (stage: Stage, query: string) =>
  EventPage.parse(await (await request(stage, query)).json());

const say = (stage: Stage, from: number, to: number) =>
  Promise.all(
    Array.from({ length: to - from + 1 }, (_, at) =>
      stage.hub.meeting(ref).final({
        text: `word ${from + at}`,
        startMs: (from + at) * 1_000,
        endMs: (from + at) * 1_000 + 900,
        segmentNo: from + at,
        source: 'mic',
      }),
    ),
  );

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

async function seats(stage: Stage): Promise<number> {
  const stats = (await (await stage.get('ws/stats')).json()) as { subscribers: number };
  return stats.subscribers;
}

const soon = { timeout: 30_000, interval: 5 };

const allGivenBack = (stage: Stage) => vi.waitFor(async () => expect(await seats(stage)).toBe(0), soon);

/** Whether somebody has come to follow. */
const isLive = (stage: Stage) =>
  stage.observed.some((event) => event.type === 'subscriber' && event.state === 'live');

/** Nothing of the standard's that a hub does not send, and nothing that a decoder refuses. */
const expectClean = ({ strays }: EventReader) => expect(strays).toEqual([]);

describe.each(stores)('on the %s store', (_name, open: () => Store) => {
  test('[REST11] the log as it is, then as it grows, each entry with its id', async () => {
    // A disk that is slow for a second would be told in between.
    const stage = await startHub({ store: open(), limits: { ...unhurried, slowWriteMs: 600_000 } });
    await say(stage, 1, 500);
    const reader = await read(stage);
    const [connected] = reader.of('connected');
    expect(connected).toMatchObject({ meeting_id: 'm', seq: 500, recovered: null, heartbeat_ms: 25_000 });
    await say(stage, 501, 520);
    await reader.until(({ seqs }) => seqs.length === 520);
    expect(reader.seqs).toEqual(upTo(520));
    expect(reader.events.slice(1).map(({ id }) => id)).toEqual(
      upTo(520).map((seq) => `${connected?.epoch}:${seq}`),
    );
    expectClean(reader);
    await reader.leave();
    await allGivenBack(stage);
  });

  test('[REST12] a reader who comes and goes while words are published misses none and sees none twice', async () => {
    const stage = await startHub({ store: open() });
    const saying = (async () => {
      for (let at = 1; at <= 60; at += 1) await say(stage, at * 10 - 9, at * 10);
    })();
    const seen: number[] = [];
    let last: string | undefined;
    for (let part = 1; seen.at(-1) !== 600; part += 1) {
      // The address says something else each time: what the reader had last outranks it.
      const reader = await read(stage, last ? 'since=0' : '', {}, last);
      expect(reader.of('connected')[0]?.recovered).toBe(last ? true : null);
      await reader.until(({ seqs }) => seqs.length >= 7 * part || seqs.at(-1) === 600);
      await reader.leave();
      await reader.ended;
      expectClean(reader);
      seen.push(...reader.seqs);
      last = reader.last;
    }
    await saying;
    expect(seen).toEqual(upTo(600));
    await allGivenBack(stage);
  });

  test('[REST13] polls that follow each other miss nothing of a live meeting', async () => {
    const stage = await startHub({ store: open() });
    const saying = (async () => {
      for (let at = 1; at <= 40; at += 1) await say(stage, at * 5 - 4, at * 5);
    })();
    const seen: number[] = [];
    let query = 'history=all';
    while (seen.at(-1) !== 200) {
      const page = await poll(stage, `${query}&wait_seconds=20&limit=13`);
      expect(page.events.length).toBeLessThanOrEqual(13);
      seen.push(...page.events.map(({ seq }) => seq));
      query = `since=${page.next}&epoch=${page.epoch}`;
    }
    await saying;
    expect(seen).toEqual(upTo(200));
  });

  test('[REST12] [LOG9] a forgotten meeting ends the stream at once, and the way back begins in the new log', async () => {
    const bus = countingBus();
    const store = open();
    const stage = await startHub({ store, bus, limits: { ...unhurried, headCheckMs: 600_000 } });
    await say(stage, 1, 3);
    const reader = await read(stage);
    await reader.until(({ seqs }) => seqs.length === 3);
    const heads = vi.spyOn(store, 'head');
    const waiting = poll(stage, `since=3&wait_seconds=25`);
    // It looks once before it joins and once after.
    await vi.waitFor(() => expect(heads.mock.settledResults.length).toBe(2), soon);
    const address = `http://127.0.0.1:${stage.port}/api/v1/meetings/m`;
    const headers = { authorization: `Bearer ${await mintToken({ role: 'owner' })}` };
    expect((await fetch(address, { method: 'DELETE', headers })).status).toBe(204);
    expect(await reader.ended).toBe('whole');
    expect(reader.of('error')).toMatchObject([{ code: 'restart', retryable: true }]);
    expect(await waiting).toMatchObject({ recovered: false, events: [], seq: 0, next: 0 });
    await allGivenBack(stage);
    await vi.waitFor(() => expect(bus.subscriptions).toBe(0), soon);
    const back = await read(stage, '', {}, reader.last);
    expect(back.of('connected')[0]).toMatchObject({ recovered: false, seq: 0 });
    await say(stage, 1, 1);
    await back.until(({ seqs }) => seqs.length === 1);
    expect(back.seqs).toEqual([1]);
  });
});

describe('[REST11] a stream', () => {
  test('is asked for by the three words of a first join, as a socket is', async () => {
    const stage = await startHub();
    await say(stage, 1, 10);
    const seqs = async (query: string, count: number) => {
      const reader = await read(stage, query);
      await stage.hub.meeting(ref).status('mark', '');
      await reader.until((of) => of.of('status').length > 0 && of.seqs.length >= count);
      await reader.leave();
      return reader.seqs;
    };
    expect(await seqs('history=none', 1)).toEqual([11]);
    expect(await seqs('history=2', 3)).toEqual([10, 11, 12]);
    expect(await seqs('since=9', 4)).toEqual([10, 11, 12, 13]);
  });

  test('has an id from its first event on: who leaves before the second misses nothing', async () => {
    const stage = await startHub();
    await say(stage, 1, 4);
    const reader = await read(stage, 'history=none');
    await reader.leave();
    expect(reader.last).toMatch(/:4$/);
    await say(stage, 5, 6);
    const back = await read(stage, 'history=none', {}, reader.last);
    await back.until(({ seqs }) => seqs.length === 2);
    expect(back.seqs).toEqual([5, 6]);
  });

  test('shows the current partial to who joins, new ones as they come, and none after its final', async () => {
    const stage = await startHub();
    const meeting = stage.hub.meeting(ref);
    const first = await read(stage);
    const segmentNo = await meeting.partial({ text: 'hel', startMs: 0, endMs: 1, source: 'mic' });
    await first.until((of) => of.of('transcript.partial')[0]);
    const second = await read(stage);
    await second.until((of) => of.of('transcript.partial')[0]);
    await meeting.final({ text: 'hello', startMs: 0, endMs: 2, segmentNo, source: 'mic' });
    await meeting.partial({ text: 'hell', startMs: 0, endMs: 2, segmentNo, source: 'mic' });
    await meeting.status('mark', '');
    for (const reader of [first, second]) {
      await reader.until((of) => of.of('status')[0]);
      expect(reader.events.map(({ message }) => message.type)).toEqual([
        'connected',
        'transcript.partial',
        'transcript.final',
        'status',
      ]);
      expect(reader.events[1]?.id).toBeUndefined();
      expectClean(reader);
    }
  });

  test('says so while the store is away, which no log can hold', async () => {
    const store = memoryStore();
    const append = store.append.bind(store);
    let isAway = true;
    store.append = async (...args) => {
      if (isAway) throw new Error('the store is away');
      return await append(...args);
    };
    const stage = await startHub({ store });
    const reader = await read(stage);
    const said = stage.hub.meeting(ref).status('live', '');
    await reader.until((of) => of.of('status').some(({ status }) => status === 'degraded'));
    isAway = false;
    await said;
    await reader.until((of) => of.of('status').some(({ status }) => status === 'recovered'));
    expect(reader.events.filter(({ id }) => id !== undefined).length).toBe(2);
  });

  test('is kept alive by comments', async () => {
    const stage = await startHub({ limits: { ...unhurried, heartbeatMs: 20 } });
    const reader = await read(stage);
    await reader.until(({ comments }) => comments.length >= 3);
    expect(reader.events.length).toBe(1);
  });

  test('finds what the bus lost', async () => {
    const bus = countingBus();
    const stage = await startHub({
      bus: { ...bus, publish: async () => {}, subscribe: bus.subscribe, close: bus.close },
      limits: { ...unhurried, headCheckMs: 20 },
    });
    const reader = await read(stage);
    await say(stage, 1, 3);
    await reader.until(({ seqs }) => seqs.length === 3);
    expect(reader.seqs).toEqual([1, 2, 3]);
  });

  test('is refused beside too many viewers, and takes a seat as they do', async () => {
    const stage = await startHub({ limits: { ...unhurried, subscribersPerMeeting: 2 } });
    await stage.viewer();
    const reader = await read(stage);
    const refused = await request(stage);
    expect(refused.status).toBe(503);
    expect(Problem.parse(await refused.json())).toMatchObject({ code: 'connection_limit' });
    await reader.leave();
    await vi.waitFor(async () => expect(await seats(stage)).toBe(1), soon);
    await (await read(stage)).leave();
  });
});

describe('[REST12] a stream ends', () => {
  test('when its token expires, and says so', async () => {
    const stage = await startHub();
    const reader = await read(stage, '', { ttl: 3 });
    expect(await reader.ended).toBe('whole');
    expect(reader.of('error')).toMatchObject([{ code: 'token_expired', retryable: true }]);
    await allGivenBack(stage);
  });

  test('when the hub closes: readers and polls are told at once, and nobody comes in any more', async () => {
    const bus = countingBus();
    const stage = await startHub({ bus, limits: { ...unhurried, closeSpreadMs: 100 } });
    const reader = await read(stage);
    const idle = await read(stage, 'history=none');
    const polled = request(stage, 'wait_seconds=25', {}, {}, 'other');
    await vi.waitFor(() => expect(bus.subscriptions).toBe(2), soon);
    const from = performance.now();
    await stage.hub.close();
    // The poll would have waited for longer.
    expect(performance.now() - from).toBeLessThan(20_000);
    for (const of of [reader, idle]) {
      expect(await of.ended).toBe('whole');
      expect(of.of('error')).toMatchObject([{ code: 'going_away', retryable: true }]);
    }
    expect(await (await polled).json()).toMatchObject({ events: [], next: 0 });
    const headers = { authorization: `Bearer ${await mintToken()}` };
    for (const path of ['events', 'transcript']) {
      const late = await stage.hub.fetch(new Request(`http://hub/api/v1/meetings/m/${path}`, { headers }));
      expect(late?.status).toBe(503);
      expect(await late?.json()).toMatchObject({ code: 'try_again_later' });
    }
  });

  test('when the store fails, and says so', async () => {
    const store = memoryStore();
    const stage = await startHub({ store });
    const reader = await read(stage);
    store.read = async () => {
      throw new Error('the disk is gone');
    };
    await say(stage, 1, 1);
    expect(await reader.ended).toBe('whole');
    expect(reader.of('error')).toMatchObject([{ code: 'internal_error' }]);
    expect(stage.observed).toContainEqual(expect.objectContaining({ type: 'error', stage: 'store' }));
    await allGivenBack(stage);
  });

  test('when its reader vanishes: while it waits, in the middle, or before it began', async () => {
    const bus = countingBus();
    const stage = await startHub({ bus });
    await say(stage, 1, 300);
    const auth = `authorization: Bearer ${await mintToken()}`;
    const head = `GET /api/v1/meetings/m/events HTTP/1.1\r\nhost: hub\r\n${auth}\r\n\r\n`;
    for (const how of ['fin', 'rst'] as const) {
      const early = new RawSocket(stage.port);
      early.send(head);
      early.vanish(how);
      const late = new RawSocket(stage.port);
      late.send(head);
      await late.until((received) => received.includes('"word 300"') || undefined);
      late.vanish('rst');
      await late.ended;
    }
    await allGivenBack(stage);
    await vi.waitFor(() => expect(bus.subscriptions).toBe(0), soon);
    expect(stage.observed.filter(({ type }) => type === 'error')).toEqual([]);
  });

  test('when its reader vanishes before its seat was given', async () => {
    const registry = memoryRegistry();
    const seat = registry.seat.bind(registry);
    let give = () => {};
    let isAsked = false;
    const given = new Promise<void>((resolve) => {
      give = resolve;
    });
    registry.seat = async (...args) => {
      isAsked = true;
      await given;
      return await seat(...args);
    };
    const stage = await startHub({ registry });
    const socket = new RawSocket(stage.port);
    const auth = `authorization: Bearer ${await mintToken()}`;
    socket.send(`GET /api/v1/meetings/m/events HTTP/1.1\r\nhost: hub\r\n${auth}\r\n\r\n`);
    await vi.waitFor(() => expect(isAsked).toBe(true), soon);
    socket.vanish('rst');
    await socket.ended;
    await stage.get('ping');
    give();
    await allGivenBack(stage);
  });

  test('when its reader does not read for two heartbeats: the seat is free, and what was sent is whole', async () => {
    const stage = await startHub({ limits: { ...unhurried, heartbeatMs: 40 } });
    const socket = new RawSocket(stage.port);
    socket.socket.pause();
    const text = 'word '.repeat(900);
    for (let at = 1; at <= 3_000; at += 1)
      void stage.hub.meeting(ref).final({ text, startMs: at, endMs: at + 1, segmentNo: at });
    await stage.hub.meeting(ref).status('mark', '');
    const auth = `authorization: Bearer ${await mintToken()}`;
    socket.send(
      `GET /api/v1/meetings/m/events HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n${auth}\r\n\r\n`,
    );
    await vi.waitFor(() => expect(isLive(stage)).toBe(true), soon);
    await allGivenBack(stage);
    socket.socket.resume();
    await socket.ended;
    expect(socket.received.toString().slice(-400)).toContain('"code":"slow_consumer"');
  });
});

describe('[REST11] the same through fetch', () => {
  const open = async (stage: Stage, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${await mintToken()}` };
    const request = new Request('http://hub/api/v1/meetings/m/events', { headers, ...init });
    return await stage.hub.fetch(request);
  };

  test('a reader who cancels gives its seat back at once, though nothing comes', async () => {
    const stage = await startHub();
    const answer = await open(stage);
    if (!answer?.body) throw new Error('there is no stream');
    const reader = new EventReader(answer.body);
    await reader.until(({ events }) => events[0]);
    expect(await seats(stage)).toBe(1);
    await reader.leave();
    expect(await seats(stage)).toBe(0);
  });

  test('a reader who comes late is not shown a partial whose final is there', async () => {
    const stage = await startHub();
    const answer = await open(stage);
    const body = answer?.body?.getReader();
    await body?.read();
    const meeting = stage.hub.meeting(ref);
    const segmentNo = await meeting.partial({ text: 'hel', startMs: 0, endMs: 1, source: 'mic' });
    await meeting.final({ text: 'hello', startMs: 0, endMs: 2, segmentNo, source: 'mic' });
    await stage.get('ping');
    const { value } = (await body?.read()) ?? {};
    expect(Buffer.from(value ?? []).toString()).toContain('"hello"');
    await meeting.status('mark', '');
    const next = await body?.read();
    expect(Buffer.from(next?.value ?? []).toString()).toContain('"mark"');
    await body?.cancel();
  });

  test('one whose request is aborted, and one who never reads the answer, too', async () => {
    const stage = await startHub();
    const stop = new AbortController();
    await open(stage, { signal: stop.signal });
    expect(await seats(stage)).toBe(1);
    stop.abort();
    expect(await seats(stage)).toBe(0);
    const impatient = await startHub({ limits: { ...unhurried, heartbeatMs: 30 } });
    await open(impatient);
    await vi.waitFor(() => expect(isLive(impatient)).toBe(true), soon);
    await allGivenBack(impatient);
  });
});

describe('[REST13] a poll', () => {
  test('answers at once with what is there, when something comes, and empty in time', async () => {
    const stage = await startHub();
    await say(stage, 1, 2);
    expect((await poll(stage, 'since=0&wait_seconds=25')).events.map(({ seq }) => seq)).toEqual([1, 2]);
    expect((await poll(stage, 'since=2&limit=5')).events).toEqual([]);
    const waiting = poll(stage, 'since=2&wait_seconds=25');
    await stage.get('ping');
    await stage.hub.meeting(ref).partial({ text: 'wor', startMs: 3_000, endMs: 3_100, source: 'mic' });
    await say(stage, 3, 3);
    expect(await waiting).toMatchObject({ events: [{ seq: 3 }], next: 3, recovered: true });
    const from = performance.now();
    const empty = await poll(stage, 'since=3&wait_seconds=1');
    expect(performance.now() - from).toBeGreaterThan(900);
    expect(empty).toMatchObject({ events: [], next: 3, seq: 3, recovered: true });
    await allGivenBack(stage);
  });

  test('says at once that it cannot recover, and where to go on', async () => {
    const stage = await startHub();
    await say(stage, 1, 4);
    for (const query of ['since=9', 'since=2&epoch=another'])
      expect(await poll(stage, `${query}&wait_seconds=25`)).toMatchObject({
        recovered: false,
        events: [],
        seq: 4,
        next: 4,
      });
    expect(await poll(stage, 'since=0&epoch=another&limit=9')).toMatchObject({ recovered: true, next: 4 });
  });

  test('sees what was said between its look and its wait', async () => {
    const bus = countingBus();
    const subscribe = bus.subscribe.bind(bus);
    const stage = await startHub({ bus, limits: { ...unhurried, headCheckMs: 600_000 } });
    bus.subscribe = async (...args) => {
      await say(stage, 1, 1);
      return await subscribe(...args);
    };
    expect((await poll(stage, 'since=0&wait_seconds=25')).next).toBe(1);
  }, 24_000);

  test('of a client that left holds nothing', async () => {
    const bus = countingBus();
    const stage = await startHub({ bus });
    const stop = new AbortController();
    const address = `http://127.0.0.1:${stage.port}/api/v1/meetings/m/events?wait_seconds=25`;
    const headers = { authorization: `Bearer ${await mintToken()}` };
    const left = fetch(address, { headers, signal: stop.signal }).catch(() => 'left');
    await vi.waitFor(() => expect(bus.subscriptions).toBe(1), soon);
    stop.abort();
    expect(await left).toBe('left');
    await vi.waitFor(() => expect(bus.subscriptions).toBe(0), soon);
  });
});

test('[REST12] an id that is none of a stream is refused, and named', async () => {
  const stage = await startHub();
  for (const id of ['x', '7', 'e:', 'e:x']) {
    const answer = await request(stage, '', {}, { 'last-event-id': id });
    expect(answer.status).toBe(400);
    expect(Problem.parse(await answer.json()).detail).toMatch(/^"Last-Event-ID": /);
  }
});

test('[REST11] a connection serves further requests after a stream that ended', async () => {
  const stage = await startHub();
  const socket = new RawSocket(stage.port);
  const headers = `host: hub\r\nauthorization: Bearer ${await mintToken({ ttl: 3 })}\r\n`;
  socket.send(`GET /api/v1/meetings/m/events HTTP/1.1\r\n${headers}\r\n`);
  await socket.until((received) => received.includes('\r\n0\r\n\r\n') || undefined);
  for (const path of ['meetings/m/events?limit=1', 'ping', 'meetings']) {
    socket.received = Buffer.alloc(0);
    socket.send(
      `GET /api/v1/${path} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer ${await mintToken()}\r\n\r\n`,
    );
    expect(await socket.status()).toBe(200);
  }
});
