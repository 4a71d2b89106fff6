// @ts-check
/** A hub as middleware of a Hono application: yours (CORS, logging …) runs before it. */
import { once } from 'node:events';
import { createAdaptorServer } from '@hono/node-server';
import { createTranscriptHub, jwtAuthenticator } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { Hono } from 'hono';

/** @param {{ port?: number }} [options] */
export async function start({ port = 0 } = {}) {
  const {
    SECRET_KEY = '',
    DEEPGRAM_API_KEY = '',
    DEEPGRAM_ENDPOINT = 'wss://api.deepgram.com',
  } = process.env;
  const hub = createTranscriptHub({
    auth: jwtAuthenticator({ secret: SECRET_KEY }),
    recognizer: deepgram({ apiKey: DEEPGRAM_API_KEY, endpoint: DEEPGRAM_ENDPOINT }),
  });

  const app = new Hono();
  app.use(async (c, next) => (await hub.fetch(c.req.raw)) ?? next());
  app.get('/hello', (c) => c.text('hello'));

  const server = createAdaptorServer(app);
  // WebSockets pass Hono by.
  server.on('upgrade', (request, socket, head) => {
    if (!hub.handleUpgrade(request, socket, head)) socket.destroy();
  });

  await once(server.listen(port), 'listening');
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://localhost:${address.port}`,
    async close() {
      const ended = once(server.close(), 'close'); // No new connections from now on; those that are open stay.
      await hub.close();
      await ended;
    },
  };
}
