/**
 * A Next custom server with a hub on it, one half of the test: `node server.mjs dev|production before|after`, where the
 * last word says when the hub is attached. It sends its parent its port, and then does what it is asked to.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import next from 'next';
import { createTranscriptHub } from '../../packages/server/dist/index.js';

const [mode, order] = process.argv.slice(2);

const hub = createTranscriptHub({
  auth: async () => ({
    userId: 'u-1',
    tenant: 'acme',
    email: 'u-1@example.com',
    role: 'viewer',
    expiresAt: Date.now() + 3_600_000,
    may: new Set(['subscribe']),
  }),
  recognizer: { open: () => Promise.reject(new Error('nobody speaks here')) },
});

const server = createServer();
if (order === 'before') hub.attach(server);

await once(server.listen(0, '127.0.0.1'), 'listening');
const { port } = server.address();
const app = next({
  dev: mode === 'dev',
  dir: import.meta.dirname,
  hostname: '127.0.0.1',
  port,
  httpServer: server,
});
await app.prepare();
server.on('request', app.getRequestHandler());
if (order === 'after') {
  // Next takes up upgrades with its first request: only now is it all there.
  await fetch(`http://127.0.0.1:${port}/`).then((page) => page.text());
  hub.attach(server);
}

const tasks = {
  say: () => hub.meeting({ tenant: 'acme', id: 'm' }).status('locked', 'by the host'),
  closeHub: () => hub.close().then(() => 'closed'),
};
process.on('message', async (task) => {
  try {
    process.send(await tasks[task]());
  } catch (error) {
    console.error(error);
    process.exit(1); // Next would swallow it.
  }
});
process.on('disconnect', () => process.exit());
process.send(port);
