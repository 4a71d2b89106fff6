import { afterEach, expect, test, vi } from 'vitest';
import { type DeepgramSimulator, type Fault, speak, startDeepgramSimulator } from '../../src/index.ts';
import { bytesOf, silence } from '../support/audio.ts';
import { open, refused } from '../support/wire-client.ts';

const sampleRate = 16_000;
const speech = bytesOf(speak('we ship on friday', { sampleRate }));
const closeStream = JSON.stringify({ type: 'CloseStream' });

let simulator: DeepgramSimulator;

const start = async (...faults: Fault[]) => {
  simulator = await startDeepgramSimulator({ pace: 0, faults });
  return simulator.url;
};

afterEach(async () => {
  vi.useRealTimers();
  await simulator.close();
});

const strikes: Array<[Fault & { kind: 'fin' | 'rst' | 'close' }, number]> = [
  [{ kind: 'fin' }, 1006],
  [{ kind: 'rst' }, 1006],
  [{ kind: 'close', code: 1000 }, 1000],
  [{ kind: 'close', code: 1008, reason: 'DATA-0000' }, 1008],
  [{ kind: 'close', code: 1011, reason: 'NET-0000' }, 1011],
  [{ kind: 'close', code: 1012 }, 1012],
];

test.each(strikes)('%j hits all open streams now, and no later one', async (fault, code) => {
  const url = await start();
  const clients = [await open(url), await open(url)];
  for (const { websocket } of clients) websocket.on('error', () => undefined);
  simulator.fault(fault);
  const reason = fault.kind === 'close' ? (fault.reason ?? '') : '';
  for (const { closed } of clients) expect(await closed).toEqual({ code, reason });
  const later = await open(url);
  later.websocket.send(closeStream);
  expect((await later.closed).code).toBe(1000);
  expect(later.messages.at(-1)?.type).toBe('Metadata');
});

test.each(strikes)('%j hits the next stream after so much audio, and only that one', async (fault, code) => {
  const url = await start({ ...fault, afterAudioMs: 1000 });
  const hurt = await open(url);
  const spared = await open(url);
  hurt.websocket.send(speech);
  spared.websocket.send(speech);
  expect((await hurt.closed).code).toBe(code);
  expect(simulator.streams[0]?.audioSeconds).toBe(1);
  spared.websocket.send(closeStream);
  await spared.closed;
  expect(simulator.streams[1]?.audioSeconds).toBe(speech.length / 2 / sampleRate);
});

test('a fault may hit the next few streams', async () => {
  const url = await start({ kind: 'close', code: 1011, afterAudioMs: 0, times: 2 });
  for (const code of [1011, 1011, 1000]) {
    const client = await open(url);
    if (code === 1000) client.websocket.send(closeStream);
    expect((await client.closed).code).toBe(code);
  }
});

test('silence: audio is still accepted, but neither results nor pongs nor a close come', async () => {
  const url = await start({ kind: 'silence', afterAudioMs: 500 });
  const client = await open(url);
  let pongs = 0;
  client.websocket.on('pong', () => pongs++);
  client.websocket.send(speech);
  await expect.poll(() => simulator.streams[0]?.audioSeconds).toBe(0.5);
  // What was said before it fell silent is still on its way.
  await expect.poll(() => client.messages).toMatchObject([{ type: 'Results' }]);
  for (let sent = 0; sent < 500; sent++) client.websocket.send(bytesOf(silence(1, sampleRate)));
  client.websocket.ping();
  client.websocket.send(closeStream);
  await expect.poll(() => client.websocket.bufferedAmount).toBe(0);
  const witness = await open(url);
  witness.websocket.send(closeStream);
  await witness.closed;
  expect(client.messages).toHaveLength(1);
  expect(pongs).toBe(0);
  expect(client.websocket.readyState).toBe(client.websocket.OPEN);
  client.websocket.terminate();
});

test('a stream that ends in order may close without a status: the client sees 1005', async () => {
  const client = await open(await start({ kind: 'no-status' }));
  client.websocket.send(speech);
  client.websocket.send(closeStream);
  expect((await client.closed).code).toBe(1005);
  expect(client.messages.at(-1)?.type).toBe('Metadata');
});

test.each([
  [401, 'INVALID_AUTH'],
  [402, 'ASR_PAYMENT_REQUIRED'],
  [403, 'INSUFFICIENT_PERMISSIONS'],
  [429, 'TOO_MANY_REQUESTS'],
  [503, 'Service Unavailable'],
] as const)('handshakes are refused with %i %s until cleared', async (status, code) => {
  const url = await start({ kind: 'refuse', status });
  for (const _ of [1, 2]) {
    const answer = await refused(url);
    expect(answer.status).toBe(status);
    expect(answer.body[status === 503 ? 'error_code' : 'err_code']).toBe(code);
    expect(answer.headers['dg-error']).toBe(answer.body.err_msg);
  }
  await simulator.clear();
  (await open(url)).websocket.terminate();
  expect(simulator.refused.map((handshake) => handshake.status)).toEqual([status, status]);
});

test('only the next few handshakes are refused when so many are asked for', async () => {
  const url = await start({ kind: 'refuse', status: 503, times: 2 });
  expect((await refused(url)).status).toBe(503);
  expect((await refused(url)).status).toBe(503);
  (await open(url)).websocket.terminate();
});

test('a slow upgrade is answered late, and not at all when the simulator closes first', async () => {
  const url = await start({ kind: 'slow-upgrade', delayMs: 120 });
  const startedMs = performance.now();
  (await open(url)).websocket.terminate();
  expect(performance.now() - startedMs).toBeGreaterThan(110);
  simulator.fault({ kind: 'slow-upgrade', delayMs: 60_000 });
  const never = expect(open(url)).rejects.toThrow();
  await simulator.close();
  await never;
});

test('a slow reader takes so many bytes a second', async () => {
  const client = await open(await start({ kind: 'slow-reader', bytesPerSecond: 32_000 }));
  const startedMs = performance.now();
  client.websocket.send(new Uint8Array(24_000));
  client.websocket.send(closeStream);
  await client.closed;
  expect(performance.now() - startedMs).toBeGreaterThan(300);
  expect(client.messages.at(-1)).toMatchObject({ duration: 0.75 });
});

test('away: open streams are reset and nobody listens, until cleared', async () => {
  const url = await start();
  const client = await open(url);
  client.websocket.on('error', () => undefined);
  simulator.fault({ kind: 'away' });
  expect((await client.closed).code).toBe(1006);
  await expect(open(url)).rejects.toThrow('ECONNREFUSED');
  await simulator.clear();
  (await open(url)).websocket.terminate();
});

test('its port is none that systems give to connections, which might take it while it is away', async () => {
  const port = Number(new URL(await start()).port);
  expect(port).toBeGreaterThanOrEqual(1_024);
  expect(port).toBeLessThan(32_768);
});

test('away for a while: the simulator comes back by itself, on the same port', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const url = await start({ kind: 'away', forMs: 400 });
  vi.advanceTimersByTime(399);
  await expect(open(url)).rejects.toThrow('ECONNREFUSED');
  vi.advanceTimersByTime(1);
  const back = async () => (await open(url)).websocket.terminate();
  await expect.poll(back).toBeUndefined();
});

test('clear also spares an open stream that was to be hurt later', async () => {
  const url = await start({ kind: 'fin', afterAudioMs: 1000 });
  const client = await open(url);
  await simulator.clear();
  client.websocket.send(speech);
  client.websocket.send(closeStream);
  expect((await client.closed).code).toBe(1000);
});

test('a stream that waits for its pace is hurt as promptly as any other', async () => {
  simulator = await startDeepgramSimulator({ pace: 0.1 });
  for (const kind of ['fin', 'rst'] as const) {
    const client = await open(simulator.url);
    client.websocket.on('error', () => undefined);
    client.websocket.send(bytesOf(silence(20, sampleRate)));
    await expect.poll(() => simulator.streams.at(-1)?.audioSeconds).toBeGreaterThan(0);
    simulator.fault({ kind });
    expect((await client.closed).code).toBe(1006);
    await expect.poll(() => simulator.streams.at(-1)?.open).toBe(false);
  }
});

test('clear takes all switches back', async () => {
  const url = await start(
    { kind: 'refuse', status: 401 },
    { kind: 'fin', afterAudioMs: 0 },
    { kind: 'slow-upgrade', delayMs: 60_000 },
    { kind: 'slow-reader', bytesPerSecond: 1 },
    { kind: 'no-status' },
  );
  await simulator.clear();
  const client = await open(url);
  client.websocket.send(speech);
  client.websocket.send(closeStream);
  expect((await client.closed).code).toBe(1000);
});
