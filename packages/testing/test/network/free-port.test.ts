/** Ports for servers that go and come back. */
import { once } from 'node:events';
import { type AddressInfo, createServer, Server } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { freePort } from '../../src/index.ts';

afterEach(() => void vi.restoreAllMocks());

test('a free port can be listened on, and is given once', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, freePort));
  expect(new Set(ports).size).toBe(20);
  for (const port of ports) expect(port).toBeLessThan(32_768);
});

test('a port that somebody listens on is not given', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const random = vi.spyOn(Math, 'random').mockReturnValueOnce((port - 12_000 + 0.5) / 20_000);
  expect(await freePort()).not.toBe(port);
  expect(random.mock.calls.length).toBeGreaterThan(1);
  other.close();
});

test('where nobody can listen it says so', async () => {
  const failure = Object.assign(new Error('no such address'), { code: 'EADDRNOTAVAIL' });
  vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server) {
    setImmediate(() => this.emit('error', failure));
    return this;
  });
  await expect(freePort()).rejects.toBe(failure);
});
