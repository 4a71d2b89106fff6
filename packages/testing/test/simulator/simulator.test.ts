import { afterEach, expect, test, vi } from 'vitest';
import {
  type DeepgramSimulator,
  type DeepgramSimulatorOptions,
  speak,
  startDeepgramSimulator,
} from '../../src/index.ts';
import { bytesOf, silence } from '../support/audio.ts';
import { open, rawQuery, refused } from '../support/wire-client.ts';

const sampleRate = 16_000;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/u;
const speech = bytesOf(speak('we ship on friday', { sampleRate }));
const json = (type: string) => JSON.stringify({ type });

let simulator: DeepgramSimulator;

const start = async (options: DeepgramSimulatorOptions = {}) => {
  simulator = await startDeepgramSimulator({ pace: 0, ...options });
  return simulator.url;
};

afterEach(async () => {
  vi.useRealTimers();
  await simulator.close();
});

/** The simulator's time; sockets take theirs. */
const fakeTime = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });

/** Waits for what sockets bring. A poll would let the fake time pass. */
async function until(isThere: () => boolean): Promise<void> {
  while (!isThere()) await new Promise((resolve) => setImmediate(resolve));
}
const heardSeconds = () => simulator.streams[0]?.audioSeconds ?? 0;

test.each([
  ['Token', { authorization: 'Token good' }, undefined],
  ['Bearer', { authorization: 'Bearer good' }, undefined],
  ['the token subprotocol', { authorization: undefined, protocols: ['token', 'good'] }, 'token'],
  ['the bearer subprotocol', { authorization: undefined, protocols: ['bearer', 'good'] }, 'bearer'],
])('a key is accepted by %s, and the subprotocol answered', async (_, auth, answered) => {
  const { headers, websocket } = await open(await start({ keys: ['good'] }), auth);
  expect(headers['sec-websocket-protocol']).toBe(answered);
  expect(headers['dg-request-id']).toMatch(uuid);
  websocket.terminate();
});

test.each([
  ['no credentials', { authorization: undefined }],
  ['a wrong key', { authorization: 'Token bad' }],
  ['a scheme of another kind', { authorization: 'Basic good' }],
  ['a wrong key by subprotocol', { authorization: undefined, protocols: ['token', 'bad'] }],
])('%s is answered 401 INVALID_AUTH', async (_, auth) => {
  const answer = await refused(await start({ keys: ['good'] }), auth);
  expect(answer.status).toBe(401);
  expect(answer.body).toEqual({
    err_code: 'INVALID_AUTH',
    err_msg: 'Invalid credentials.',
    request_id: answer.headers['dg-request-id'],
  });
  expect(answer.headers['dg-error']).toBe('Invalid credentials.');
});

test('a bad query is answered 400 with the reason in body and dg-error', async () => {
  const answer = await refused(await start(), { query: `${rawQuery}&diarise=true` });
  expect(answer.status).toBe(400);
  expect(answer.body).toMatchObject({ err_code: 'INVALID_QUERY_PARAMETER' });
  expect(answer.body.err_msg).toBe('Failed to deserialize query parameters: unknown field `diarise`');
  expect(answer.headers['dg-error']).toBe(answer.body.err_msg);
  expect(answer.headers['dg-request-id']).toBe(answer.body.request_id);
});

test('other paths are 404, plain HTTP too, and still carry a request id', async () => {
  const url = await start();
  expect((await refused(url, { path: '/v2/listen' })).status).toBe(404);
  const plain = await fetch(`${url.replace('ws:', 'http:')}/v1/listen`);
  expect(plain.status).toBe(404);
  expect(plain.headers.get('dg-request-id')).toMatch(uuid);
  expect(plain.headers.get('dg-error')).toBeTruthy();
});

test('deflate is never agreed', async () => {
  const { headers, websocket } = await open(await start());
  expect(websocket.extensions).toBe('');
  expect(headers['sec-websocket-extensions']).toBeUndefined();
  websocket.terminate();
});

test('CloseStream brings the last Results, one Metadata and close 1000', async () => {
  const client = await open(await start());
  client.websocket.send(speech);
  client.websocket.send(json('CloseStream'));
  expect(await client.closed).toEqual({ code: 1000, reason: '' });
  expect(client.messages.map(({ type }) => type).filter((type) => type === 'Metadata')).toHaveLength(1);
  expect(client.messages.at(-1)).toMatchObject({
    type: 'Metadata',
    duration: speech.length / 2 / sampleRate,
    request_id: client.headers['dg-request-id'],
  });
});

test('an empty binary frame ends the stream like CloseStream', async () => {
  const client = await open(await start());
  client.websocket.send(speech);
  client.websocket.send(new Uint8Array(0));
  expect((await client.closed).code).toBe(1000);
  expect(client.messages.at(-1)?.type).toBe('Metadata');
});

test('Finalize is answered at once and the stream stays open', async () => {
  const client = await open(await start(), { query: `${rawQuery}&endpointing=false` });
  client.websocket.send(speech);
  client.websocket.send(json('Finalize'));
  await expect.poll(() => client.messages).toMatchObject([{ type: 'Results', from_finalize: true }]);
  expect(client.websocket.readyState).toBe(client.websocket.OPEN);
  client.websocket.terminate();
});

test('without audio or text the stream is closed with 1011 NET-0001', async () => {
  const client = await open(await start({ idleTimeoutMs: 60 }));
  client.websocket.send(silence(0.1, sampleRate));
  const { code, reason } = await client.closed;
  expect(code).toBe(1011);
  expect(reason).toMatch(/did not receive audio data or a text message.*net0001/u);
});

test('KeepAlive as text holds a stream open that has sent audio', async () => {
  fakeTime();
  const client = await open(await start({ idleTimeoutMs: 400 }));
  client.websocket.send(silence(0.1, sampleRate));
  for (let beats = 1; beats <= 5; beats += 1) {
    client.websocket.send(json('KeepAlive'));
    await until(() => simulator.streams[0]?.texts.length === beats);
    await vi.advanceTimersByTimeAsync(399);
  }
  client.websocket.send(json('Finalize'));
  await until(() => client.messages.length > 0);
  expect(client.messages).toMatchObject([{ type: 'Results', from_finalize: true }]);
  expect(client.websocket.readyState).toBe(client.websocket.OPEN);
  await vi.advanceTimersByTimeAsync(401);
  expect((await client.closed).code).toBe(1011);
});

test('KeepAlive alone is not enough: at least one audio frame must come', async () => {
  const client = await open(await start({ idleTimeoutMs: 150 }));
  const beat = setInterval(() => client.websocket.send(json('KeepAlive')), 30);
  expect((await client.closed).code).toBe(1011);
  clearInterval(beat);
});

test('KeepAlive sent as binary is heard as audio and shifts the timeline', async () => {
  const client = await open(await start());
  client.websocket.send(Buffer.from(json('KeepAlive')));
  client.websocket.send(json('CloseStream'));
  await client.closed;
  expect(client.messages.at(-1)).toMatchObject({ type: 'Metadata', duration: 0.001 });
  expect(simulator.streams[0]?.audioBytes).toBe(json('KeepAlive').length);
});

test('an odd number of stray bytes corrupts all audio behind them', async () => {
  const client = await open(await start());
  client.websocket.send(Buffer.from([1]));
  client.websocket.send(speech);
  client.websocket.send(json('CloseStream'));
  await client.closed;
  expect(JSON.stringify(client.messages)).not.toContain('friday');
});

test.each(['not json', '[]', '{"type":"Nonsense"}', '{"type":"Finalize","channel":"left"}'])(
  'text that makes no sense (%s) is answered with an Error, and the stream goes on',
  async (text) => {
    const client = await open(await start());
    client.websocket.send(text);
    await expect.poll(() => client.messages).toMatchObject([{ type: 'Error', variant: 'SchemaError' }]);
    client.websocket.send(json('CloseStream'));
    expect((await client.closed).code).toBe(1000);
  },
);

test('Configure is answered once: success, too many key terms, or a model without them', async () => {
  const url = await start();
  const configure = (keyterms: string[]) => JSON.stringify({ type: 'Configure', keyterms });
  const nova3 = await open(url);
  nova3.websocket.send(configure(['meetcast']));
  nova3.websocket.send(configure(Array.from({ length: 501 }, () => 'a')));
  await expect
    .poll(() => nova3.messages)
    .toMatchObject([{ type: 'ConfigureSuccess', keyterms: ['meetcast'] }, { type: 'ConfigureFailure' }]);
  const nova2 = await open(url, { query: rawQuery.replace('nova-3', 'nova-2') });
  nova2.websocket.send(configure(['meetcast']));
  await expect.poll(() => nova2.messages).toMatchObject([{ type: 'Error', code: 'KeytermsNotSupported' }]);
  nova3.websocket.terminate();
  nova2.websocket.terminate();
});

test.each(['model=nova-3', 'model=nova-3&encoding=opus&sample_rate=48000'])(
  'audio it cannot decode (%s) is closed with 1008 DATA-0000',
  async (query) => {
    const client = await open(await start(), { query });
    client.websocket.send(speech);
    expect(await client.closed).toEqual({ code: 1008, reason: 'DATA-0000' });
  },
);

test('audio is taken at the pace set, by waiting: nothing is dropped, nobody is closed', async () => {
  fakeTime();
  const client = await open(await start({ pace: 4 }));
  client.websocket.send(bytesOf(silence(4, sampleRate)));
  client.websocket.send(json('CloseStream'));
  await until(() => heardSeconds() > 1);
  await vi.advanceTimersByTimeAsync(4_000 / 4 - 300);
  expect(heardSeconds()).toBeLessThan(4);
  await vi.advanceTimersByTimeAsync(300);
  expect(heardSeconds()).toBe(4);
  expect((await client.closed).code).toBe(1000);
  expect(client.messages.at(-1)).toMatchObject({ type: 'Metadata', duration: 4 });
});

test('too much audio piles up at the client, not in the simulator', async () => {
  const client = await open(await start({ pace: 2 }));
  const second = bytesOf(silence(1, sampleRate));
  for (let sent = 0; sent < 1000; sent++) client.websocket.send(second);
  await expect.poll(() => simulator.streams[0]?.audioSeconds).toBeGreaterThan(1);
  expect(client.websocket.bufferedAmount).toBeGreaterThan(10_000_000);
  expect(simulator.streams[0]?.audioSeconds).toBeLessThan(5);
  client.websocket.terminate();
});

test('waiting for the pace is not idleness', async () => {
  fakeTime();
  // Each tenth of a second waits for 200 ms.
  const client = await open(await start({ pace: 0.5, idleTimeoutMs: 100 }));
  client.websocket.send(bytesOf(silence(1, sampleRate)));
  client.websocket.send(json('CloseStream'));
  await until(() => heardSeconds() > 0);
  await vi.advanceTimersByTimeAsync(1_000 / 0.5 - 250);
  expect((await client.closed).code).toBe(1000);
});

test('the simulator tells what each stream asked for, sent and is', async () => {
  const client = await open(await start());
  client.websocket.send(speech);
  client.websocket.send(json('KeepAlive'));
  await expect.poll(() => simulator.streams[0]?.texts).toEqual([json('KeepAlive')]);
  expect(simulator.streams).toMatchObject([
    {
      requestId: client.headers['dg-request-id'],
      query: rawQuery,
      headers: { authorization: 'Token key' },
      open: true,
      audioBytes: speech.length,
      audioSeconds: speech.length / 2 / sampleRate,
    },
  ]);
  client.websocket.close();
  await expect.poll(() => simulator.streams[0]?.open).toBe(false);
});

test('streams are told apart: each has its own clock and request id', async () => {
  const url = await start();
  const clients = [await open(url), await open(url)];
  for (const { websocket } of clients) {
    websocket.send(speech);
    websocket.send(json('CloseStream'));
  }
  await Promise.all(clients.map(({ closed }) => closed));
  const [one, other] = clients.map(({ messages }) => messages.at(-1));
  expect(one).toMatchObject({ duration: 1.6 });
  expect(other).toMatchObject({ duration: 1.6 });
  expect(new Set(simulator.streams.map(({ requestId }) => requestId)).size).toBe(2);
});

test('close ends open streams and is done when the port is free', async () => {
  const client = await open(await start());
  const { port } = simulator;
  await simulator.close();
  expect((await client.closed).code).toBe(1006);
  await start({ port });
  expect(simulator.port).toBe(port);
});

test('options that cannot work are refused', async () => {
  await start();
  await expect(startDeepgramSimulator({ pace: -1 })).rejects.toThrow('pace must be 0 or more, got -1');
  await expect(startDeepgramSimulator({ idleTimeoutMs: 0 })).rejects.toThrow('idleTimeoutMs must be');
  await expect(startDeepgramSimulator({ port: simulator.port })).rejects.toThrow('EADDRINUSE');
});
