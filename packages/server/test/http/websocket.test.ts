/** From an upgrade to a session: which address, who asks, may they, and is there room. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { startHub, type TestHub, tokenFor, Viewer } from '../support/hub.ts';

let running: TestHub | undefined;

afterEach(async () => {
  vi.useRealTimers();
  await running?.close();
  running = undefined;
});

async function run(options: Parameters<typeof startHub>[0] = {}): Promise<TestHub> {
  running = await startHub(options);
  return running;
}

const base = '/api/v1';
const urlOf = (hub: TestHub, path: string) => `ws://127.0.0.1:${hub.port}${path}`;
const bearer = async (claims = {}) => ({ headers: { authorization: `Bearer ${await tokenFor(claims)}` } });

/** The status of an upgrade that is refused, with its body. */
async function refusalOf(
  hub: TestHub,
  path: string,
  protocols: string[] = [],
): Promise<{ status: number; body: string }> {
  const viewer = new Viewer(urlOf(hub, path), await bearer(), protocols);
  const [, response] = await once(viewer.socket, 'unexpected-response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, body: Buffer.concat(chunks).toString() };
}

test('[ADDR2] a viewer gets in by each spelling of the address', async () => {
  const hub = await run();
  for (const path of [`${base}/ws/meetings/m`, `${base}/ws/transcript/m`, '/ws/meeting/m']) {
    const viewer = new Viewer(urlOf(hub, path), await bearer());
    expect((await viewer.connected()).meeting_id).toBe('m');
    viewer.socket.close();
  }
});

test('[ADDR1] an id that is none is answered with 400 before the upgrade', async () => {
  const hub = await run();
  for (const id of ['', 'a%20b', 'x'.repeat(129), '%00']) {
    const { status, body } = await refusalOf(hub, `${base}/ws/meetings/${id}`);
    expect([status, JSON.parse(body).status]).toEqual([400, 400]);
  }
  const longest = new Viewer(urlOf(hub, `${base}/ws/meetings/${'x'.repeat(128)}`), await bearer());
  await longest.connected();
});

test('[AUTH3] a token as a sub-protocol lets in, and is never answered with', async () => {
  const hub = await run();
  const viewer = new Viewer(urlOf(hub, `${base}/ws/meetings/m`), {}, [
    'meetcast.v1',
    `meetcast.bearer.${await tokenFor()}`,
  ]);
  await viewer.connected();
  expect(viewer.socket.protocol).toBe('meetcast.v1');
  const reversed = new Viewer(urlOf(hub, `${base}/ws/meetings/m`), {}, [
    `meetcast.bearer.${await tokenFor()}`,
    'meetcast.v1',
  ]);
  await reversed.connected();
  expect(reversed.socket.protocol).toBe('meetcast.v1');
});

test('[AUTH4] no sub-protocol is fine, only foreign ones are 400 before the upgrade', async () => {
  const hub = await run();
  const plain = new Viewer(urlOf(hub, `${base}/ws/meetings/m`), await bearer());
  await plain.connected();
  expect(plain.socket.protocol).toBe('');
  for (const protocols of [['graphql-ws'], ['meetcast.v2', 'other'], [`meetcast.bearer.${await tokenFor()}`]])
    expect((await refusalOf(hub, `${base}/ws/meetings/m`, protocols)).status).toBe(400);
});

test('[AUTH6] a missing, wrong or expired token is told so on an open socket, then 4001', async () => {
  const hub = await run();
  for (const headers of [
    {},
    { authorization: 'Bearer junk' },
    { authorization: `Bearer ${await tokenFor({ lastsSeconds: -60 })}` },
  ]) {
    for (const path of [`${base}/ws/meetings/m`, `${base}/ws/ingest/meetings/m`]) {
      const viewer = new Viewer(urlOf(hub, path), { headers });
      expect(await viewer.closed).toEqual({ code: 4001, reason: 'auth_failed' });
      expect(viewer.of('error')).toMatchObject([{ code: 'auth_failed', retryable: true }]);
      expect(viewer.types).toEqual(['error']);
    }
  }
  expect(await (await hub.get(`${base}/ws/stats`)).json()).toEqual({
    meetings: 0,
    subscribers: 0,
    ingests: 0,
  });
});

test('[AUTH2] a token in the query lets in, unless the host switched that off', async () => {
  const open = await run();
  await new Viewer(urlOf(open, `${base}/ws/meetings/m?token=${await tokenFor()}`)).connected();
  await open.close();
  const strict = await run({ queryToken: false });
  const viewer = new Viewer(urlOf(strict, `${base}/ws/meetings/m?token=${await tokenFor()}`));
  expect((await viewer.closed).code).toBe(4001);
});

test('[AUTH9] a viewer may not send: 4004', async () => {
  const hub = await run();
  const sender = new Viewer(urlOf(hub, `${base}/ws/ingest/meetings/m`), await bearer({ role: 'viewer' }));
  expect(await sender.closed).toEqual({ code: 4004, reason: 'forbidden' });
});

test('[CLOSE2] an authenticator that fails is 1011 and says nothing of why', async () => {
  const hub = await run({ auth: () => Promise.reject(new Error('password=hunter2')) });
  const viewer = new Viewer(urlOf(hub, `${base}/ws/meetings/m`), await bearer());
  expect(await viewer.closed).toEqual({ code: 1011, reason: 'internal_error' });
  expect(JSON.stringify(viewer.messages)).not.toContain('hunter2');
  expect(hub.observed.some(({ type }) => type === 'error')).toBe(true);
});

test('[LINK3] the sixth connection in ten seconds from one address is closed with 1013, loopback is not counted', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  let address = '203.0.113.7';
  const hub = await run({ clientAddress: () => address });
  for (let number = 0; number < 5; number += 1) await (await hub.view()).connected();
  const sixth = await hub.view();
  expect(await sixth.closed).toEqual({ code: 1013, reason: 'try_again_later' });
  for (address of ['203.0.113.8', '::1', '127.0.0.1', '127.8.8.8', '::ffff:127.0.0.1']) {
    for (let number = 0; number < (address.startsWith('203') ? 5 : 2); number += 1)
      await (await hub.view()).connected();
  }
});

test('[SUB9] a frame larger than any that may come ends the socket without being read', async () => {
  const hub = await run({ limits: { ingestFrameBytes: 1_000 } });
  const viewer = await hub.view();
  await viewer.connected();
  viewer.send('x'.repeat(1_000_000));
  expect([1009, 1006]).toContain((await viewer.closed).code);
});

test('a peer that resets the link or talks nonsense ends only its own socket', async () => {
  const hub = await run();
  for (const bytes of [
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x81, 0x01, 0x41]), // Not masked.
    Buffer.from([0xc1, 0x80, 0, 0, 0, 0]), // A reserved bit.
  ]) {
    const socket = connect(hub.port, '127.0.0.1');
    socket.on('error', () => {});
    const { headers } = await bearer();
    socket.write(
      [
        `GET ${base}/ws/meetings/m HTTP/1.1`,
        'host: x',
        'connection: upgrade',
        'upgrade: websocket',
        'sec-websocket-version: 13',
        'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
        `authorization: ${headers.authorization}`,
        '',
        '',
      ].join('\r\n'),
    );
    await once(socket, 'data');
    socket.write(bytes);
    await once(socket, 'close');
  }
  const reset = connect(hub.port, '127.0.0.1');
  reset.on('error', () => {});
  reset.write(
    `GET ${base}/ws/meetings/m HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`,
  );
  reset.resetAndDestroy();
  await (await hub.view()).connected();
});

test('a peer that resets the link while it is refused does not end the process', async () => {
  const hub = await run();
  const stream = new PassThrough();
  const request = { url: `${base}/ws/meetings/`, headers: {} } as IncomingMessage;
  expect(hub.hub.handleUpgrade(request, stream, Buffer.alloc(0))).toBe(true);
  expect(() => stream.emit('error', new Error('read ECONNRESET'))).not.toThrow();
  expect(stream.destroyed).toBe(true);
});

test('an upgrade of another path is left alone: false, and not a byte', async () => {
  const hub = await run();
  const others = new WebSocketServer({ noServer: true });
  const seen: boolean[] = [];
  const server = createServer();
  server.on('upgrade', (request, stream, head) => {
    const isOurs = hub.hub.handleUpgrade(request, stream, head);
    seen.push(isOurs);
    if (!isOurs) others.handleUpgrade(request, stream, head, (socket) => socket.send('{"type":"theirs"}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const theirs = new Viewer(`ws://127.0.0.1:${port}/socket`);
  await expect.poll(() => theirs.messages).toEqual([{ type: 'theirs' }]);
  const ours = new Viewer(`ws://127.0.0.1:${port}${base}/ws/meetings/m`, await bearer());
  await ours.connected();
  expect(seen).toEqual([false, true]);
  theirs.socket.terminate();
  ours.socket.terminate();
  server.close();
  server.closeAllConnections();
});
