/** Ports for servers that go and come back. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** To this process. */
const given = new Set<number>();

/**
 * A port on 127.0.0.1 that was free a moment ago. It is below those that systems give to whoever names none (from 32 768
 * on Linux, 49 152 elsewhere): such a one may be anybody's while its server is away.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
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
