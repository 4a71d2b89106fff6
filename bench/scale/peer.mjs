/** The same viewers on Socket.IO: a room per meeting. */
import { createServer } from 'node:http';
import { fromTests } from './packages.mjs';
import { answer, usage } from './process.mjs';
import { eventOf, meetingId, talk } from './talk.mjs';

const { Server } = fromTests('socket.io');

const server = createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false });
io.on('connection', (socket) => {
  const { meeting } = socket.handshake.query;
  void socket.join(meeting);
});

answer({
  usage,
  start: () => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port))),
  talk: (pace) =>
    talk(pace, (meeting, isFinal, segment) => {
      io.to(meetingId(meeting)).emit('event', eventOf(meeting, isFinal, segment));
    }),
});
