// @ts-check
/** A hub beside the middleware of a Koa application. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createTranscriptHub, jwtAuthenticator } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import Koa from 'koa';

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

  const app = new Koa();
  app.use((ctx) => {
    if (ctx.path === '/hello') ctx.body = 'hello';
  });

  const server = createServer(app.callback());
  hub.attach(server);

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
