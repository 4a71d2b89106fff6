// @ts-check
/** A hub beside your own routes on Node's HTTP server. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createTranscriptHub, jwtAuthenticator } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';

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

  const server = createServer((request, response) => {
    if (request.url === '/hello') response.end('hello');
    else response.writeHead(404).end('nothing here');
  });
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
