/** Redis pub/sub with nothing around it: what no hub on many nodes can be faster than. */
import { once } from 'node:events';
import { fromServer } from './packages.mjs';
import { answer, now } from './process.mjs';
import { paced } from './talk.mjs';

const { Redis } = fromServer('ioredis');
const { WebSocketServer } = fromServer('ws');

const indexLength = 8;
let redis;
let heard = [];

answer({
  start({ url }) {
    redis = new Redis(url);
  },
  /** Publishes texts of so many bytes; resolves with the microsecond of each. */
  async publish({ channel, count, perSecond, bytes }) {
    const filler = 'x'.repeat(bytes - indexLength);
    const sent = [];
    await paced(count, 1e6 / perSecond, (index) => {
      const text = `${String(index).padStart(indexLength)}${filler}`;
      sent.push(now());
      redis.publish(channel, text).catch(() => {});
    });
    return sent;
  },
  async hear({ channel }) {
    redis.on('messageBuffer', (_channel, message) => {
      heard[indexOf(message)] = now();
    });
    await redis.subscribe(channel);
  },
  /** The microsecond at which each came, since it was last asked. */
  heard() {
    const taken = heard;
    heard = [];
    return taken;
  },
  /** Hands what comes to the sockets that connect to it: the least there is of a node. */
  async relay({ channel }) {
    const sockets = new Set();
    redis.on('message', (_channel, message) => {
      for (const socket of sockets) socket.send(message);
    });
    await redis.subscribe(channel);
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
    server.on('connection', (socket) => sockets.add(socket));
    await once(server, 'listening');
    return server.address().port;
  },
});

const indexOf = (message) => Number(message.toString('latin1', 0, indexLength));
