// @ts-check
/** A hub beside the routes of a Fastify application, which closes with it. */
import { createTranscriptHub, jwtAuthenticator } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { fastify } from 'fastify';

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

  const app = fastify();
  app.get('/hello', async () => 'hello');
  app.addHook('preClose', () => hub.close());
  hub.attach(app.server);

  // For `localhost`, its default, Fastify opens a second server for IPv6, and the hub would be on the first only.
  const url = await app.listen({ port, host: '0.0.0.0' });
  return { url, close: () => app.close() };
}
