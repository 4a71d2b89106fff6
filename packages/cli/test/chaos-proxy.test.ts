/** The fault proxy of `meetcast chaos`: every way in which it hurts a link, and that it mends. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type FaultProxy, openFaultProxy } from '../src/chaos/fault-proxy.ts';

/** What one end has heard: bytes, and how it ended. */
interface End {
  socket: Socket;
  text: string;
  end: 'open' | 'ended' | 'reset';
}

function heardBy(socket: Socket): End {
  const end: End = { socket, text: '', end: 'open' };
  socket.setEncoding('utf8').on('data', (text: string) => {
    end.text += text;
  });
  socket.on('end', () => {
    end.end = 'ended';
  });
  socket.on('error', () => {
    end.end = 'reset';
  });
  onTestFinished(() => void socket.destroy());
  return end;
}

/** A hub of one test, a proxy before it, and a way to connect through both. */
async function link(): Promise<{ proxy: FaultProxy; open(): Promise<{ client: End; hub: End }> }> {
  const accepted: End[] = [];
  const server = createServer((socket) => accepted.push(heardBy(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await openFaultProxy({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  onTestFinished(async () => {
    await proxy.close();
    server.close();
  });
  return {
    proxy,
    open: async () => {
      const client = heardBy(connect(proxy.port, '127.0.0.1'));
      const hub = await vi.waitUntil(() => accepted.shift(), { timeout: 30_000 });
      return { client, hub };
    },
  };
}

const soon = { timeout: 30_000 } as const;

test('bytes pass both ways in order, and an end passes after them', async () => {
  const { proxy, open } = await link();
  const { client, hub } = await open();
  const long = Array.from({ length: 50_000 }, (_, place) => `${place} `).join('');
  hub.socket.write(long);
  client.socket.end('goodbye');
  await expect.poll(() => client.text, soon).toBe(long);
  await expect.poll(() => [hub.text, hub.end], soon).toEqual(['goodbye', 'ended']);
  await expect.poll(() => proxy.connections, soon).toBe(0);
});

test('a drop ends both sides, in order or with a reset, and who comes back gets through', async () => {
  const { proxy, open } = await link();
  const first = await open();
  proxy.drop('fin');
  await expect.poll(() => [first.client.end, first.hub.end], soon).toEqual(['ended', 'ended']);
  const second = await open();
  proxy.drop('rst');
  await expect.poll(() => [second.client.end, second.hub.end], soon).toEqual(['reset', 'reset']);
  const third = await open();
  third.client.socket.write('hello');
  await expect.poll(() => third.hub.text, soon).toBe('hello');
});

test('who connects is reset until it is mended', async () => {
  const { proxy, open } = await link();
  proxy.refuse();
  const refused = heardBy(connect(proxy.port, '127.0.0.1'));
  await expect.poll(() => refused.end, soon).toBe('reset');
  proxy.mend();
  const { client, hub } = await open();
  hub.socket.write('here');
  await expect.poll(() => client.text, soon).toBe('here');
});

test('a silent connection takes bytes and tells of no end, a new one is sound', async () => {
  const { proxy, open } = await link();
  const silent = await open();
  proxy.silence();
  silent.client.socket.write('lost');
  silent.hub.socket.end('lost too');
  const other = await open();
  other.client.socket.write('heard');
  await expect.poll(() => other.hub.text, soon).toBe('heard');
  proxy.mend();
  other.hub.socket.write('as well');
  await expect.poll(() => other.client.text, soon).toBe('as well');
  expect([silent.hub.text, silent.client.text, silent.client.end]).toEqual(['', '', 'open']);
  proxy.drop('rst');
  await expect.poll(() => silent.client.end, soon).toBe('reset');
});

test('a slow link hands on a part at a time, and what it held when it is mended', async () => {
  const { proxy, open } = await link();
  const { client, hub } = await open();
  proxy.slow(200);
  const text = Array.from({ length: 60_000 }, (_, place) => String(place % 10)).join('');
  client.socket.end(text);
  await expect.poll(() => hub.text.length, soon).toBeGreaterThan(20);
  expect(hub.text.length).toBeLessThan(30_000);
  proxy.mend();
  await expect.poll(() => [hub.text === text, hub.end], soon).toEqual([true, 'ended']);
});

test('what a slow link cannot take waits at its sender, not in the proxy', async () => {
  const { proxy, open } = await link();
  const { client, hub } = await open();
  proxy.slow(100_000);
  client.socket.write(Buffer.alloc(64 * 1024 * 1024, '.'));
  await expect.poll(() => hub.text.length, soon).toBeGreaterThan(100_000);
  expect(client.socket.writableLength).toBeGreaterThan(0);
});

test('a late link keeps the order, and loses nothing when it is mended', async () => {
  const { proxy, open } = await link();
  const { client, hub } = await open();
  proxy.delay(600_000);
  for (const word of ['one ', 'two ', 'three']) client.socket.write(word);
  const { client: other } = await open();
  expect([hub.text, other.text]).toEqual(['', '']);
  proxy.mend();
  client.socket.write(' four');
  await expect.poll(() => hub.text, soon).toBe('one two three four');
  proxy.delay(50);
  hub.socket.write('late');
  await expect.poll(() => client.text, soon).toBe('late');
});

test('where nobody listens, a client hears of it', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  const proxy = await openFaultProxy({ host: '127.0.0.1', port });
  onTestFinished(() => proxy.close());
  const client = heardBy(connect(proxy.port, '127.0.0.1'));
  await expect.poll(() => client.end, soon).toBe('reset');
});

test('a connection that is ending, or not there yet, is reset all the same, and leaves nothing open', async () => {
  const { proxy, open } = await link();
  const { client, hub } = await open();
  proxy.drop('fin');
  proxy.drop('rst');
  await expect.poll(() => proxy.connections, soon).toBe(0);
  expect([client.end, hub.end]).not.toContain('open');
  const opening = heardBy(connect(proxy.port, '127.0.0.1'));
  await expect.poll(() => proxy.connections, { ...soon, interval: 0 }).toBe(1);
  proxy.drop('rst');
  await expect.poll(() => [proxy.connections, opening.end], soon).toEqual([0, 'reset']);
});
