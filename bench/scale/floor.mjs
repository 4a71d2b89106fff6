/** What any hub on `ws` costs at least: every viewer is sent the event's text, and nothing else is done. */
import { createServer } from 'node:http';
import { fromServer } from './packages.mjs';
import { answer, usage } from './process.mjs';
import { eventOf, talk } from './talk.mjs';

const { WebSocketServer } = fromServer('ws');

const server = createServer();
const viewers = new Map();
const accept = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false });
accept.on('connection', (socket, { url }) => {
  const meeting = Number(url.split('-').at(-1));
  const there = viewers.get(meeting) ?? new Set();
  viewers.set(meeting, there.add(socket));
  socket.on('message', () => {});
  socket.on('error', () => {});
  socket.on('close', () => there.delete(socket));
  socket.send('{"type":"connected"}');
});

answer({
  usage,
  start: () => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port))),
  talk: (pace) =>
    talk(pace, (meeting, isFinal, segment) => {
      const text = JSON.stringify(eventOf(meeting, isFinal, segment));
      for (const socket of viewers.get(meeting) ?? []) socket.send(text);
    }),
});
