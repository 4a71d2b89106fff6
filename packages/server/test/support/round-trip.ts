/** Sockets of this machine, while the clock is a fake: what was sent before has come after a round trip of one's own. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, beforeAll } from 'vitest';

/** Called at the top of a test file; what it returns resolves after so many round trips. */
export function roundTrips(): (times: number) => Promise<void> {
  const server = createServer((socket) => socket.pipe(socket));
  let socket: ReturnType<typeof connect>;
  beforeAll(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay(true);
    await once(socket, 'connect');
  });
  afterAll(() => {
    socket.destroy();
    server.close();
  });
  return async (times) => {
    for (let time = 0; time < times; time += 1) {
      const answered = once(socket, 'data');
      socket.write('?');
      await answered;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
}
