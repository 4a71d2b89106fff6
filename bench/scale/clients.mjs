/** Viewers in a process of their own: they count what comes and note how long it took. */
import { fromServer } from './packages.mjs';
import { answer, now } from './process.mjs';
import { mark, meetingId } from './talk.mjs';

const { WebSocket } = fromServer('ws');

/** One viewer in this many looks at the clock for every message: a clock of its own would cost all too much. */
const watching = 10;

/** Connections that are opened at the same time. */
const openedAtOnce = 50;

const addresses = {
  hub: (meeting) => `/api/v1/ws/meetings/${meetingId(meeting)}`,
  floor: (meeting) => `/${meetingId(meeting)}`,
  peer: (meeting) => `/socket.io/?EIO=4&transport=websocket&meeting=${meetingId(meeting)}`,
};

const markByte = mark.charCodeAt(0);
let delivered = 0;
let latenciesUs = [];
const sockets = [];

answer({
  /** Opens `viewers` sockets to each of these meetings. */
  async connect({ kind, port, meetings, viewers, token }) {
    const wanted = meetings.flatMap((meeting) => Array.from({ length: viewers }, () => meeting));
    const url = (meeting) => `ws://127.0.0.1:${port}${addresses[kind](meeting)}`;
    await Promise.all(
      Array.from({ length: openedAtOnce }, async () => {
        for (let meeting = wanted.pop(); meeting !== undefined; meeting = wanted.pop())
          await open(kind, url(meeting), token);
      }),
    );
  },
  /** What came since it was last asked. */
  collect() {
    const collected = { delivered, latenciesUs: Float64Array.from(latenciesUs) };
    delivered = 0;
    latenciesUs = [];
    return collected;
  },
});

/** Resolves when the viewer was greeted. */
function open(kind, url, token) {
  const headers = kind === 'hub' ? { authorization: `Bearer ${token}` } : {};
  const socket = new WebSocket(url, { headers, perMessageDeflate: false });
  sockets.push(socket);
  const isWatching = sockets.length % watching === 0;
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.on('close', (code) => reject(new Error(`the socket closed with ${code}`)));
    socket.on('message', (message) => {
      if (kind === 'peer' && isControl(socket, message, resolve)) return;
      const at = message.indexOf(markByte);
      if (at === -1) return message.includes('"connected"') ? resolve() : reject(new Error(String(message)));
      delivered += 1;
      if (isWatching)
        latenciesUs.push(now() - Number(message.toString('latin1', at + 1, message.indexOf(32, at))));
    });
  });
}

/** Socket.IO's greeting and heartbeat; its client would do no more. */
function isControl(socket, message, greeted) {
  const text = message.toString('latin1', 0, 2);
  if (text[0] === '0') socket.send('40');
  else if (text[0] === '2') socket.send('3');
  else if (text === '40') greeted();
  return text !== '42';
}
