/** How much code one audio frame, one final and one resume pass, by V8's coverage of the built hub; `--list`: which. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Session } from 'node:inspector/promises';
import { createRequire, SourceMap } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: { list: { type: 'boolean' } },
  allowPositionals: true,
});
const [folder] = positionals;
const server = new URL(folder ? `${pathToFileURL(folder)}/` : '../packages/server/', import.meta.url);
const fromServer = createRequire(new URL('package.json', server));
const { WebSocket } = fromServer('ws');
const inspector = new Session();
inspector.connect();
await inspector.post('Profiler.enable');
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
const { createTranscriptHub } = await import(new URL('dist/index.js', server));

/** Streams that say what they are told to say. */
const streams = [];
const recognizer = {
  async open() {
    const told = [];
    let wake = () => {};
    const stream = {
      channels: 1,
      written: () => {},
      say(result) {
        told.push(result);
        wake();
      },
      write: () => stream.written(),
      flush() {},
      finish() {},
      abort() {},
      results: (async function* () {
        for (;;) {
          while (told.length > 0) yield told.shift();
          await new Promise((resolve) => {
            wake = resolve;
          });
        }
      })(),
    };
    streams.push(stream);
    return stream;
  },
};

const may = new Set(['subscribe', 'publish', 'manage']);
const expiresAt = Date.now() + 3_600_000;
const hub = createTranscriptHub({
  auth: async () => ({ userId: 'u', tenant: 't', role: 'admin', expiresAt, may }),
  recognizer,
});
const http = createServer();
hub.attach(http);
await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
const base = `ws://127.0.0.1:${http.address().port}/api/v1/ws`;

const open = async (path, onMessage = () => {}) => {
  const socket = new WebSocket(`${base}${path}`);
  socket.on('message', (data) => onMessage(JSON.parse(data)));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return socket;
};

/** Resolves with the message that matches. */
const until = (match) => {
  let done;
  const found = new Promise((resolve) => {
    done = resolve;
  });
  return { found, see: (message) => match(message) && done(message) };
};

const source = new Map();
const isHubs = (url) => url.startsWith(server.href) && url.includes('/dist/');

/** Where in the sources a function of the build stands; its module's own code is none. */
function placeOf(url, offset) {
  if (!source.has(url)) {
    const path = fileURLToPath(url);
    const text = readFileSync(path, 'utf8');
    const map = new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')));
    source.set(url, { map, starts: [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)] });
  }
  const { map, starts } = source.get(url);
  const line = starts.findLastIndex((start) => start <= offset);
  const { originalSource, originalLine } = map.findEntry(line, offset - starts[line]);
  return { file: originalSource.replace(/.*\/src\//, ''), line: originalLine + 1 };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

async function passed(act) {
  await settled();
  await inspector.post('Profiler.takePreciseCoverage');
  await act();
  await settled();
  const { result } = await inspector.post('Profiler.takePreciseCoverage');
  const functions = new Map();
  const files = new Set();
  for (const { url, functions: all } of result.filter((script) => isHubs(script.url))) {
    for (const { functionName, ranges, isBlockCoverage } of all) {
      const [{ startOffset, count }] = ranges;
      if (count === 0 || (startOffset === 0 && functionName === '' && !isBlockCoverage)) continue;
      const { file, line } = placeOf(url, startOffset);
      files.add(file);
      functions.set(`${url}:${startOffset}`, `${file}:${line} ${functionName}`);
    }
  }
  return { files: files.size, functions: functions.size, list: [...functions.values()].sort() };
}

/** The least of several tries: a timer may fire in any of them. */
async function least(act) {
  const tries = [];
  for (let count = 0; count < 9; count += 1) tries.push(await passed(act));
  return tries.reduce((a, b) => (b.functions < a.functions ? b : a));
}

let heard = until(() => false);
await open('/meetings/m?token=t', (message) => heard.see(message));
const accepted = until(({ type }) => type === 'handshake_ack');
const sender = await open('/ingest/meetings/m?token=t', accepted.see);
sender.send(JSON.stringify({ type: 'handshake', source: 'mic', sample_rate: 48_000, channels: 1 }));
await accepted.found;
const [stream] = streams;

const pcm = Buffer.alloc(4_096);

const frame = await least(async () => {
  const written = new Promise((resolve) => {
    stream.written = resolve;
  });
  sender.send(pcm);
  await written;
});

/** Audio for the words to stand in. */
for (let count = 0; count < 40; count += 1) sender.send(Buffer.alloc(24_000));

let atMs = 1_000;
const final = await least(async () => {
  const [startMs, endMs] = [atMs, atMs + 400];
  atMs = endMs;
  heard = until(({ type }) => type === 'transcript.final');
  // Spans tile the time: this one begins where the last one ended.
  const words = [{ text: 'word', startMs, endMs }];
  stream.say({
    kind: 'span',
    channel: 0,
    startMs,
    endMs,
    isFinal: true,
    endsUtterance: true,
    text: 'word',
    words,
  });
  await heard.found;
});

const resume = await least(async () => {
  const last = until(({ type }) => type === 'transcript.final');
  const viewer = await open('/meetings/m?token=t&since=5', last.see);
  await last.found;
  viewer.close();
  await new Promise((resolve) => viewer.once('close', resolve));
});

for (const [what, { files, functions, list }] of Object.entries({ frame, final, resume })) {
  console.log(
    `${what.padEnd(6)}  ${String(files).padStart(3)} files  ${String(functions).padStart(3)} functions`,
  );
  if (values.list) for (const each of list) console.log(`  ${each}`);
}
process.exit(0);
