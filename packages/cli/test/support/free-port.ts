/** Ports for servers of tests. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * One on loopback that was free a moment ago. It is below those that systems give to whoever names none: such a one may
 * be anybody's before it is used, or while its server is down.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
