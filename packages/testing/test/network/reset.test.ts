/** A reset of a connection that is doing something else at the moment. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { resetSocket } from '../../src/network/reset.ts';

/** Both ends of a connection. */
async function linked(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = await accepted;
  if (near.connecting) await once(near, 'connect');
  onTestFinished(() => {
    far.destroy();
    near.destroy();
    server.close();
  });
  return { near, far: far.resume() };
}

const large = Buffer.alloc(50_000_000);
const before: [what: string, act: (socket: Socket) => void][] = [
  ['nothing else', () => {}],
  ['ends', (socket) => socket.end()],
  ['says a word and ends', (socket) => socket.end('a word')],
  ['says much and ends', (socket) => socket.end(large)],
  ['ends as a server does', (socket) => socket.destroySoon()],
  ['is reset already', resetSocket],
];

test.each(before)('one that %s is closed, and nothing goes wrong', async (_what, act) => {
  const { near, far } = await linked();
  const errors: Error[] = [];
  near.on('error', (error) => errors.push(error));
  far.on('error', () => {});
  const closed = once(near, 'close');
  act(near);
  resetSocket(near);
  await closed;
  expect(errors).toEqual([]);
});

test('one whose other side has just ended is closed', async () => {
  const { near, far } = await linked();
  near.resume();
  const closed = once(near, 'close');
  // By itself it ends as well, in this very turn.
  near.on('end', () => process.nextTick(() => resetSocket(near)));
  far.on('error', () => {}).end();
  await closed;
});

test('one that is not connected yet is closed', async () => {
  const { near } = await linked();
  const opening = connect(near.remotePort ?? 0, '127.0.0.1');
  const closed = once(opening, 'close');
  resetSocket(opening);
  await closed;
});
