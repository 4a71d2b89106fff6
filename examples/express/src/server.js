// @ts-check
/** A hub beside the routes of an Express application, which also writes into its meetings. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createTranscriptHub, jwtAuthenticator } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import express from 'express';

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

  const app = express();
  app.get('/hello', (_request, response) => {
    response.send('hello');
  });
  // What everyone in the meeting should see; put your own authentication before it.
  app.post('/meetings/:id/lock', async (request, response) => {
    const meeting = hub.meeting({ tenant: 'acme', id: request.params.id });
    const seq = await meeting.status('locked', 'The host has locked the meeting');
    response.json({ seq });
  });

  const server = createServer(app);
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
