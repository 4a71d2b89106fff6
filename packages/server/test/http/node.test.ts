/** The hub's HTTP doors as a host's server and the web's `fetch` use them. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { connect, createServer as createServer2 } from 'node:http2';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { Problem, TranscriptPage } from '@meetcast/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { toWeb } from '../../src/http/node.ts';
import { createTranscriptHub, type TranscriptHub } from '../../src/hub.ts';
import { jwtAuthenticator, memoryStore, type Store } from '../../src/index.ts';
import { noRecognizer, secret, tokenFor } from '../support/hub.ts';

const base = '/api/v1';

let hub: TranscriptHub;
let store: Store;
let server: Server;
let answered: boolean[];
let port: number;

beforeEach(async () => {
  store = memoryStore();
  hub = createTranscriptHub({ auth: jwtAuthenticator({ secret }), recognizer: noRecognizer, store });
  answered = [];
  // A host that answers what the hub does not, as late as it likes.
  server = createServer(async (incoming, response) => {
    const isOurs = await hub.handleRequest(incoming, response);
    answered.push(isOurs);
    if (!isOurs) response.setHeader('x-host', 'yes').end('from the host');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await hub.close();
});

const get = async (path: string, init: RequestInit = {}) => {
  const authorization = `Bearer ${await tokenFor()}`;
  return fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers: { authorization, ...init.headers } });
};

async function say(count: number, text = 'so it is'): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    await hub
      .meeting({ tenant: 'acme', id: 'm' })
      .final({ text, startMs: number * 1_000, endMs: number * 1_000 + 900 });
  }
}

test('what is not the hub’s is left untouched, and the host answers', async () => {
  for (const path of [
    '/',
    '/api/v1',
    `${base}/nothing`,
    '/api/v2/ping',
    '//',
    '/%zz',
    '/?token=x',
    '/ws/meetings',
  ]) {
    const response = await get(path);
    expect([response.status, response.headers.get('x-host'), await response.text()]).toEqual([
      200,
      'yes',
      'from the host',
    ]);
    expect(response.headers.get('cache-control')).toBeNull();
  }
  expect(answered).not.toContain(true);
});

test('false comes before anything of the response is touched', async () => {
  const touched: PropertyKey[] = [];
  const response = new Proxy({} as ServerResponse, {
    get: (_target, name) => void touched.push(name),
    set: (_target, name) => touched.push(name) > 0,
  });
  expect(await hub.handleRequest({ url: '/elsewhere', headers: {} } as IncomingMessage, response)).toBe(
    false,
  );
  expect(touched).toEqual([]);
});

test('[REST2] an error is problem+json with a code and a sentence', async () => {
  const expected = [
    [`${base}/meetings/m/transcript`, { method: 'POST' }, 405, 'method_not_allowed'],
    [`${base}/ws/meetings/m`, {}, 426, 'upgrade_required'],
    [`${base}/ws/ingest/meetings/m`, {}, 426, 'upgrade_required'],
    [`${base}/meetings/m/transcript`, { headers: { authorization: 'Bearer junk' } }, 401, 'auth_failed'],
    [`${base}/meetings/m/transcript`, { headers: { authorization: '' } }, 401, 'auth_failed'],
    [`${base}/meetings/a%2Fb/transcript`, {}, 400, 'bad_meeting_id'],
    [`${base}/meetings/${'x'.repeat(129)}/transcript`, {}, 400, 'bad_meeting_id'],
    [`${base}/meetings/m/transcript?format=pdf`, {}, 400, 'bad_request'],
    [`${base}/meetings/m/transcript?after=-1`, {}, 400, 'bad_request'],
    [`${base}/meetings/m/transcript?limit=0`, {}, 400, 'bad_request'],
    [`${base}/meetings/m/transcript?limit=1001`, {}, 400, 'bad_request'],
  ] as const;
  for (const [path, init, status, code] of expected) {
    const response = await get(path, init);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    const problem = Problem.parse(await response.json());
    expect(problem).toMatchObject({ status, code });
    expect(problem.detail.length).toBeGreaterThan(10);
  }
});

test('[REST2] an answer that HTTP ties to a header has it', async () => {
  expect((await get(`${base}/ping`, { method: 'DELETE' })).headers.get('allow')).toBe('GET, HEAD');
  expect((await get(`${base}/ws/meetings/m`)).headers.get('upgrade')).toBe('websocket');
  const unauthorized = await get(`${base}/meetings/m/transcript`, { headers: { authorization: '' } });
  expect(unauthorized.headers.get('www-authenticate')).toBe('Bearer');
});

test('HEAD is GET without its body', async () => {
  await say(2);
  for (const path of [
    'ping',
    'health',
    'meetings/m/transcript',
    'meetings/m/transcript?format=vtt',
    'ws/meetings/m',
  ]) {
    const [head, whole] = [await get(`${base}/${path}`, { method: 'HEAD' }), await get(`${base}/${path}`)];
    expect(await head.text()).toBe('');
    expect(head.status).toBe(whole.status);
    expect(head.headers.get('content-type')).toBe(whole.headers.get('content-type'));
    await whole.text();
  }
});

test('HEAD of a long transcript reads none of it', async () => {
  store.transcript = () => Promise.reject(new Error('nobody should ask'));
  const head = await get(`${base}/meetings/m/transcript?format=txt`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
  expect((await ask(`${base}/meetings/m/transcript?format=txt`, { method: 'HEAD' }))?.status).toBe(200);
});

test('a response that can no longer be written to is ended, not left open', async () => {
  const spoilt = createServer((incoming, response) => {
    response.write('the host has begun already');
    void hub.handleRequest(incoming, response).then((isOurs) => answered.push(isOurs));
  });
  await new Promise<void>((resolve) => spoilt.listen(0, '127.0.0.1', resolve));
  const { port: at } = spoilt.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${at}${base}/ping`);
  await expect(response.text()).rejects.toThrow();
  await expect.poll(() => answered).toEqual([true]);
  spoilt.close();
});

test('nothing the hub answers may be kept by a cache', async () => {
  for (const path of ['ping', 'meetings/m/transcript', 'meetings/m/transcript?format=txt', 'ws/meetings/m'])
    expect((await get(`${base}/${path}`)).headers.get('cache-control')).toBe('no-store');
});

test('[REST4] a transcript is read in pages until next is null, and goes on from its seq', async () => {
  await say(5);
  await hub.meeting({ tenant: 'acme', id: 'm' }).status('idle', 'quiet');
  const seqs: number[] = [];
  let after: number | null = 0;
  while (after !== null) {
    const page: TranscriptPage = TranscriptPage.parse(
      await (await get(`${base}/meetings/m/transcript?limit=2&after=${after}`)).json(),
    );
    expect(page.seq).toBe(6);
    expect(page.segments.length).toBeLessThanOrEqual(2);
    seqs.push(...page.segments.map(({ seq }) => seq));
    after = page.next;
  }
  expect(seqs).toEqual([1, 2, 3, 4, 5]);
  const end = await (await get(`${base}/meetings/m/transcript?after=5`)).json();
  expect(end).toMatchObject({ segments: [], next: null });
});

test('[REST4] a page that ends with the last final has no next', async () => {
  await say(4);
  const page = await (await get(`${base}/meetings/m/transcript?limit=4`)).json();
  expect(page).toMatchObject({ next: null, segments: { length: 4 } });
});

test('[AUTH5] a transcript of the same id in another tenant is another one', async () => {
  await say(2);
  const authorization = `Bearer ${await tokenFor({ tenant_id: 'globex' })}`;
  const page = await (await get(`${base}/meetings/m/transcript`, { headers: { authorization } })).json();
  expect(page).toMatchObject({ seq: 0, segments: [] });
});

test('[REST3] health says what is down with 503, and ping needs nothing', async () => {
  expect(await (await get(`${base}/health`)).json()).toMatchObject({ redis: 'off', storage: 'ok' });
  store.ping = () => Promise.reject(new Error('password=hunter2'));
  const down = await get(`${base}/health`);
  expect(down.status).toBe(503);
  const text = await down.text();
  expect(JSON.parse(text)).toMatchObject({ storage: 'down' });
  expect(text).not.toContain('hunter2');
  expect((await get(`${base}/health/detailed`)).status).toBe(503);
  expect(await (await get(`${base}/ping`)).json()).toEqual({ pong: true });
});

test('a failing store is a 500 that says nothing of why', async () => {
  store.head = () => Promise.reject(new Error('password=hunter2'));
  const response = await get(`${base}/meetings/m/transcript`);
  expect(response.status).toBe(500);
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ code: 'internal_error' });
  expect(text).not.toContain('hunter2');
});

test('a text that breaks off must not look whole', async () => {
  await say(3, 'x'.repeat(100_000));
  const read = store.transcript.bind(store);
  store.transcript = async (meeting, after, limit) => {
    if (after > 0) throw new Error('the store is gone');
    return read(meeting, after, Math.min(limit, 2));
  };
  const response = await get(`${base}/meetings/m/transcript?format=txt`);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
});

test('a client that leaves mid-answer ends the reading', async () => {
  let reads = 0;
  const page = await memoryStoreWith(500);
  store.transcript = async (_meeting, after) => {
    reads += 1;
    return page.map((final, index) => ({ ...final, seq: after + index + 1 }));
  };
  const client = request({
    port,
    host: '127.0.0.1',
    path: `${base}/meetings/m/transcript?format=txt`,
    headers: { authorization: `Bearer ${await tokenFor()}` },
  });
  client.on('error', () => {});
  client.end();
  const [response] = (await once(client, 'response')) as [IncomingMessage];
  await once(response, 'data');
  client.destroy();
  await expect.poll(() => answered).toEqual([true]);
  const after = reads;
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(reads).toBe(after);
});

/** A page of long finals, to be read over and over. */
async function memoryStoreWith(count: number) {
  const other = memoryStore();
  const meeting = { tenant: 'acme', id: 'm' };
  for (let number = 1; number <= count; number += 1) {
    await other.append(meeting, {
      type: 'transcript.final',
      meeting_id: 'm',
      ts: new Date(0).toISOString(),
      segment_no: number,
      start_ms: 0,
      end_ms: 1,
      text: 'y'.repeat(2_000),
    });
  }
  return other.transcript(meeting, 0, count);
}

test('a framework that rewrote the url has kept what the client wrote', async () => {
  const mounted = createServer((incoming, response) => {
    const original = incoming.url;
    incoming.url = incoming.url?.replace('/api', '') ?? '/';
    void hub.handleRequest(Object.assign(incoming, { originalUrl: original }), response);
  });
  await new Promise<void>((resolve) => mounted.listen(0, '127.0.0.1', resolve));
  const response = await fetch(`http://127.0.0.1:${(mounted.address() as AddressInfo).port}${base}/ping`);
  expect(await response.json()).toEqual({ pong: true });
  mounted.closeAllConnections();
  mounted.close();
});

test('a server that speaks HTTP/2 is answered too', async () => {
  const second = createServer2((incoming, response) => {
    void hub.handleRequest(incoming as unknown as IncomingMessage, response as unknown as ServerResponse);
  });
  await new Promise<void>((resolve) => second.listen(0, '127.0.0.1', resolve));
  const session = connect(`http://127.0.0.1:${(second.address() as AddressInfo).port}`);
  const statusOf = async (path: string) => {
    const stream = session.request({ ':path': path });
    stream.on('error', () => {});
    const [headers] = await once(stream, 'response');
    stream.resume();
    return headers[':status'];
  };
  expect(await statusOf(`${base}/ping`)).toBe(200);
  expect(await statusOf(`${base}/ws/meetings/m`)).toBe(426);
  session.close();
  second.close();
});

test('[WIRE7] no request line ends the process', async () => {
  const lines = [
    'GET // HTTP/1.1',
    'GET http://[::/z HTTP/1.1',
    'GET % HTTP/1.1',
    `GET ${base}/ws/meetings/%zz HTTP/1.1`,
    'GET ? HTTP/1.1',
    'OPTIONS * HTTP/1.1',
    `GET ${base}/meetings/%/transcript?token=%zz HTTP/1.1`,
  ];
  for (const line of lines) {
    for (const more of ['', 'connection: upgrade\r\nupgrade: websocket\r\n']) {
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.end(`${line}\r\nhost: x\r\n${more}\r\n`);
      socket.resume();
      await once(socket, 'close');
    }
  }
  expect((await get(`${base}/ping`)).status).toBe(200);
});

const ask = async (path: string, init: RequestInit = {}) => {
  const headers = { authorization: `Bearer ${await tokenFor()}`, ...init.headers };
  return hub.fetch(new Request(`https://host.test:8443${path}`, { ...init, headers }));
};

test('fetch answers what is the hub’s, and nothing else', async () => {
  expect(await (await ask(`${base}/ping`))?.json()).toEqual({ pong: true });
  for (const path of ['/', '', base, `${base}/nothing`, '//ping', '/?x=/api/v1/ping'])
    expect(await ask(path)).toBeUndefined();
});

test('fetch gives the same answers as a Node server', async () => {
  await say(3);
  for (const [path, init] of [
    ['ping', {}],
    ['ping', { method: 'HEAD' }],
    ['ping', { method: 'PUT' }],
    ['ws/meetings/m', {}],
    ['meetings/m/transcript?limit=2', {}],
    ['meetings/m/transcript?format=srt', {}],
    ['meetings/m/transcript?format=vtt', { method: 'HEAD' }],
    ['meetings/m/transcript', { headers: { authorization: 'Bearer junk' } }],
  ] as const) {
    const [there, here] = [await get(`${base}/${path}`, init), await ask(`${base}/${path}`, init)];
    expect([here?.status, await here?.text()]).toEqual([there.status, await there.text()]);
    for (const name of ['content-type', 'cache-control', 'allow', 'upgrade', 'www-authenticate'])
      expect(here?.headers.get(name)).toBe(there.headers.get(name));
  }
});

test('a token in the query counts, unless the host switched that off', async () => {
  const url = `https://host.test${base}/meetings/m/transcript?token=${await tokenFor()}`;
  expect((await hub.fetch(new Request(url)))?.status).toBe(200);
  const strict = createTranscriptHub({
    auth: jwtAuthenticator({ secret }),
    recognizer: noRecognizer,
    queryToken: false,
  });
  expect((await strict.fetch(new Request(url)))?.status).toBe(401);
  await strict.close();
});

test('a reader that stops early ends the reading, and one that waits is not run ahead of', async () => {
  let reads = 0;
  const page = await memoryStoreWith(600);
  store.transcript = async (_meeting, after) => {
    reads += 1;
    return page.map((final, index) => ({ ...final, seq: after + index + 1 }));
  };
  const response = await ask(`${base}/meetings/m/transcript?format=txt`);
  const reader = response?.body?.getReader();
  await reader?.read();
  await reader?.read();
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  const read = reads;
  expect(read).toBeLessThanOrEqual(2);
  await reader?.cancel();
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(reads).toBe(read);
});

test('a reader that stops early ends what it read from', async () => {
  let isEnded = false;
  async function* pieces() {
    try {
      for (;;) yield 'more';
    } finally {
      isEnded = true;
    }
  }
  const response = toWeb({ status: 200, headers: {}, body: pieces() }, new Request('http://host.test/'));
  const reader = response.body?.getReader();
  await reader?.read();
  expect(isEnded).toBe(false);
  await reader?.cancel();
  expect(isEnded).toBe(true);
});

test('a text that breaks off fails the reader', async () => {
  await say(3);
  store.transcript = () => Promise.reject(new Error('the store is gone'));
  const response = await ask(`${base}/meetings/m/transcript?format=txt`);
  await expect(response?.text()).rejects.toThrow();
});
