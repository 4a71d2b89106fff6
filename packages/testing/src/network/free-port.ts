/** Ports for servers that go and come back. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** By this process: one that was given may be away, and is given to nobody else. */
const tried = new Set<number>();
/** Then it is not the ports: nobody can listen here at all. */
const mostTries = 200;

/**
 * A port on 127.0.0.1 that was free a moment ago. It is below those that systems give to whoever names none (from 32 768
 * on Linux, 49 152 elsewhere): such a one may be anybody's while its server is away.
 */
export async function freePort(): Promise<number> {
  let failure: unknown;
  for (let tries = 0; tries < mostTries; tries += 1) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (tried.has(port)) continue;
    tried.add(port);
    try {
      await listenOnce(port);
      return port;
    } catch (error) {
      failure = error;
    }
  }
  throw failure ?? new Error('there is no free port left');
}

async function listenOnce(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
