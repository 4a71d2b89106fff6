/** Senders in a process of their own: speech at the pace of life, 48 kHz mono. */
import { fromServer, fromTests } from './packages.mjs';
import { answer } from './process.mjs';
import { meetingId, paced } from './talk.mjs';

const { WebSocket } = fromServer('ws');
const { randomWords, speakStream } = fromTests('@meetcast/testing');

const sampleRate = 48_000;
const bytesPerMs = (sampleRate * 2) / 1_000;
const wordsPerPhrase = 8;

/** Phrases with a breath after each, again and again. */
const speech = Buffer.concat(
  Array.from({ length: 10 }, (_, phrase) => [
    ...speakStream(randomWords(wordsPerPhrase, phrase + 1), { sampleRate, tailMs: 800 }),
  ]).flat(),
);

const sockets = [];

answer({
  /** Opens a sender in each of these meetings; resolves when all may send. */
  async connect({ port, meetings, token }) {
    sockets.push(...(await Promise.all(meetings.map((meeting) => open(port, meeting, token)))));
  },
  /** All speak for so long, in frames of so many milliseconds. */
  async speak({ ms, frameMs }) {
    const bytes = frameMs * bytesPerMs;
    const frames = Math.floor(speech.length / bytes);
    const count = Math.floor(ms / frameMs) * sockets.length;
    await paced(count, (frameMs * 1e3) / sockets.length, (index) => {
      // Not all at the same word at the same time.
      const sender = index % sockets.length;
      const frame = (Math.floor(index / sockets.length) + sender * 7) % frames;
      sockets[sender].send(speech.subarray(frame * bytes, (frame + 1) * bytes));
    });
  },
});

function open(port, meeting, token) {
  const url = `ws://127.0.0.1:${port}/api/v1/ws/ingest/meetings/${meetingId(meeting)}?source=mic`;
  const socket = new WebSocket(url, {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
  });
  const handshake = { type: 'handshake', source: 'mic', sample_rate: sampleRate, channels: 1 };
  socket.on('open', () => socket.send(JSON.stringify(handshake)));
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code) => {
      reject(new Error(`the hub closed a sender with ${code}`));
    });
    socket.on('message', (message) => {
      const { type, status, message: why } = JSON.parse(message);
      if (type !== 'handshake_ack') return;
      if (status === 'success') resolve(socket);
      else reject(new Error(`the hub refused a sender: ${why}`));
    });
  });
}
