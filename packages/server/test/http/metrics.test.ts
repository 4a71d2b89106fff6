import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { exposition, histogramOf } from '../../src/http/exposition.ts';
import { Distribution } from '../../src/watch/counts.ts';
import { type Exposition, readExposition } from '../support/exposition.ts';
import { startHub, type TestHub } from '../support/hub.ts';
import { unsteadyStore } from '../support/unsteady-store.ts';

const hubs: TestHub[] = [];
afterEach(async () => {
  for (const hub of hubs.splice(0)) await hub.close();
});

async function started(...options: Parameters<typeof startHub>): Promise<TestHub> {
  const hub = await startHub(...options);
  hubs.push(hub);
  return hub;
}

async function scrape(hub: TestHub): Promise<Exposition> {
  const answer = await hub.get('/api/v1/metrics', { claims: null });
  expect(answer.status).toBe(200);
  return readExposition(await answer.text());
}

const value = async (hub: TestHub, series: string) => (await scrape(hub)).value(series);

const final = { text: 'hello', startMs: 0, endMs: 900, source: 'mic' } as const;

test('the text format: help, type, samples; what would end a text is escaped', () => {
  const written = exposition([
    {
      name: 'a_total',
      help: 'two\nlines and a \\',
      type: 'counter',
      samples: [
        { value: 1.5 },
        { labels: { b: 'q"\\\n', a: 'ışık' }, value: Number.POSITIVE_INFINITY },
        { labels: { c: '' }, value: Number.NaN },
      ],
    },
    { name: 'empty', help: 'nothing yet', type: 'gauge', samples: [] },
  ]);
  expect(written.split('\n')).toEqual([
    '# HELP a_total two\\nlines and a \\\\',
    '# TYPE a_total counter',
    'a_total 1.5',
    'a_total{b="q\\"\\\\\\n",a="ışık"} +Inf',
    'a_total{c=""} NaN',
    '# HELP empty nothing yet',
    '# TYPE empty gauge',
    '',
  ]);
  expect(() => readExposition(written)).not.toThrow();
});

test('a histogram’s bucket holds what is not above its bound, and the last one everything', () => {
  const seconds = new Distribution([0.5, 1, 10]);
  for (const each of [0.25, 0.5, 0.75, 1.5, 99]) seconds.add(each);
  const written = exposition([{ name: 's', help: 'h', type: 'histogram', samples: histogramOf(seconds) }]);
  expect(written.split('\n').slice(2, -1)).toEqual([
    's_bucket{le="0.5"} 2',
    's_bucket{le="1"} 3',
    's_bucket{le="10"} 4',
    's_bucket{le="+Inf"} 5',
    's_sum 102',
    's_count 5',
  ]);
});

test('[REST19] anyone may read a node’s metrics, and they name no tenant, meeting, person or word', async () => {
  const hub = await started();
  const viewer = await hub.view('', { user_id: 'u-4711' }, 'a-board-meeting');
  await viewer.connected();
  await hub.meeting('a-board-meeting').final({ ...final, text: 'confidential', speaker: 'Zoe' });
  const answer = await hub.get('/api/v1/metrics', { claims: null });
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const text = await answer.text();
  for (const secret of ['acme', 'a-board-meeting', 'u-4711', 'confidential', 'Zoe'])
    expect(text).not.toContain(secret);
  expect((await hub.get('/api/v1/metrics', { method: 'HEAD', claims: null })).status).toBe(200);
  expect((await hub.get('/api/v1/metrics', { method: 'POST', claims: null })).status).toBe(405);
});

test('[REST19] names say what they are: counters end in _total, lengths are seconds, sizes bytes', async () => {
  const { families } = await scrape(await started());
  for (const [name, { type }] of families) {
    expect(name).toMatch(/^(meetcast|process)_/);
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    expect(name, name).not.toMatch(/_(ms|milliseconds|kb|mb)(_|$)/);
  }
});

test('[REST19] what may happen is there before it happens, so that its first time is seen as a rise', async () => {
  const page = await scrape(await started());
  const firsts = [
    'meetcast_closes_total{word="recognizer_unavailable"}',
    'meetcast_finals_total{source="system"}',
    'meetcast_audio_seconds_total{source="mic",stage="covered"}',
    'meetcast_gaps_total{cause="recognizer_unavailable"}',
    'meetcast_recognizer_state_total{state="silent"}',
    'meetcast_errors_total{stage="store"}',
    'meetcast_final_lag_seconds_count',
  ];
  expect(firsts.map((series) => page.value(series))).toEqual(firsts.map(() => 0));
});

test('viewers are counted while they are there, over a socket or over HTTP, and meetings once', async () => {
  const hub = await started();
  const viewers = [await hub.view(), await hub.view(), await hub.view('', {}, 'other')];
  for (const viewer of viewers) await viewer.connected();
  const leaving = new AbortController();
  const stream = await hub.get('/api/v1/meetings/m/events', { signal: leaving.signal });
  const page = await scrape(hub);
  expect(page.value('meetcast_connections{kind="subscriber"}')).toBe(4);
  expect(page.value('meetcast_connections{kind="ingest"}')).toBe(0);
  expect(page.value('meetcast_meetings')).toBe(2);
  expect(stream.status).toBe(200);
  leaving.abort();
  for (const { socket } of viewers) socket.terminate();
  await expect.poll(() => value(hub, 'meetcast_connections{kind="subscriber"}')).toBe(0);
  await expect.poll(() => value(hub, 'meetcast_meetings')).toBe(0);
});

test('finals, closes, messages and errors are counted', async () => {
  const hub = await started();
  const viewers = [await hub.view(), await hub.view()];
  for (const viewer of viewers) await viewer.connected();
  const before = (await value(hub, 'meetcast_messages_total')) ?? 0;
  await hub.meeting().final(final);
  await hub.meeting().final({ text: 'from nobody', startMs: 0, endMs: 1 });
  await expect.poll(() => viewers.map(({ seqs }) => seqs.length)).toEqual([2, 2]);
  viewers[0]?.send('no message');
  await viewers[0]?.closed;
  const page = await scrape(hub);
  expect(page.value('meetcast_finals_total{source="mic"}')).toBe(1);
  expect(page.value('meetcast_finals_total{source="none"}')).toBe(1);
  expect(page.value('meetcast_final_lag_seconds_count')).toBe(0);
  expect(page.value('meetcast_closes_total{word="bad_message"}')).toBe(1);
  expect((page.value('meetcast_messages_total') ?? 0) - before).toBe(4);
});

test('a store that is away is seen: degraded, and by the bytes that wait for it', async () => {
  const store = unsteadyStore();
  const hub = await started({ store });
  await hub.meeting().final(final);
  expect(await value(hub, 'meetcast_store_outbox_bytes')).toBe(0);
  expect(await value(hub, 'meetcast_degraded{part="storage"}')).toBe(0);
  store.condition = 'away';
  const waiting = hub.meeting().status('live', 'here');
  await expect.poll(() => value(hub, 'meetcast_degraded{part="storage"}')).toBe(1);
  const page = await scrape(hub);
  expect(page.value('meetcast_degraded{part="redis"}')).toBe(0);
  expect(page.value('meetcast_store_outbox_bytes')).toBeGreaterThan(0);
  expect(page.value('meetcast_errors_total{stage="store"}')).toBeGreaterThan(0);
  store.condition = 'well';
  await waiting;
  await expect.poll(() => value(hub, 'meetcast_degraded{part="storage"}')).toBe(0);
  expect(await value(hub, 'meetcast_store_outbox_bytes')).toBe(0);
});

test('a node that goes away is seen to its end', async () => {
  const hub = await started();
  await hub.meeting().final(final);
  await hub.hub.close();
  const answer = await hub.hub.fetch(new Request('http://hub/api/v1/metrics'));
  expect(readExposition((await answer?.text()) ?? '').value('meetcast_finals_total{source="mic"}')).toBe(1);
});

test('docs/watching.md lists every metric, and none that is not there', async () => {
  const page = readFileSync(new URL('../../../../docs/watching.md', import.meta.url), 'utf8');
  const listed = [...page.matchAll(/^\| `((?:meetcast|process)_[a-z_]+)(?:\{[^`]*\})?`/gm)].map(
    ([, name]) => name,
  );
  const { families } = await scrape(await started());
  expect(listed.toSorted()).toEqual([...families.keys()].toSorted());
});
