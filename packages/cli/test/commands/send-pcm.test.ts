/** `meetcast send-pcm`: what is sent, how fast, and how it ends. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { paced } from '@meetcast/testing';
import { expect, test } from 'vitest';
import { chunkBytesFor, maxBufferedMs } from '../../src/speech.ts';
import { writeWav } from '../../src/wav-writer.ts';
import { hubHere, nowhere, secret } from '../support/hub.ts';
import { eventsOf, runCli, runHere, startCli, temporaryDirectory } from '../support/run-cli.ts';

interface Event {
  event: string;
  text?: string;
}

const send = ['send-pcm', '--meeting', 'm', '--speed', '0', '--json'];

test('a file becomes the words it says; --json tells the steps in order', async () => {
  const cwd = await temporaryDirectory();
  const { env } = await hubHere();
  const wav = await runHere(['wav', '--out', 'a.wav', '--words', '30', '--sample-rate', '44100'], { cwd });
  const run = await runCli([...send, '--wav', 'a.wav', '--source', 'system'], { cwd, env });
  expect(run.code).toBe(0);
  const events = eventsOf(run) as Event[];
  const names = events.map(({ event }) => event).filter((name) => name !== 'progress' && name !== 'final');
  expect(names).toEqual(['connected', 'ended', 'done']);
  const finals = events.filter(({ event }) => event === 'final');
  expect(finals.map(({ text }) => text).join(' ')).toBe(wav.stdout.trim());
  expect(events.at(-2)).toMatchObject({
    last_seq: finals.length + 1,
    coverage: { system: expect.anything() },
  });
  expect(events.at(-1)).toMatchObject({ source: 'system', words: 30 });
  expect(events.find(({ event }) => event === 'progress')).toMatchObject({ duration_ms: expect.any(Number) });
});

test('a test needs no file: it says its words', async () => {
  const { env } = await hubHere();
  const run = await runHere([...send, '--create-test-wav', '--test-duration', '6s'], { env });
  const [said, , ...rest] = eventsOf(run) as Event[];
  expect(said).toMatchObject({ event: 'test-wav', duration_seconds: 6 });
  expect(rest.filter(({ event }) => event === 'final').map(({ text }) => text)).toEqual([said?.text]);
  expect(rest.at(-1)).toMatchObject({ sent_ms: 6000, words: 18 });
  expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining(String(said?.text)) });
});

test('SIGINT finishes: what was sent is stored, and the exit code is 0', async () => {
  const { env } = await hubHere();
  const long = ['send-pcm', '--meeting', 'm', '--json', '--create-test-wav', '--test-duration', '10m'];
  const cli = startCli(long, { env });
  await cli.event('progress');
  cli.signal('SIGINT');
  const run = await cli.ended;
  expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('Stopping') });
  const done = eventsOf(run).at(-1) as { sent_ms: number; stored_ms: number };
  expect(done.sent_ms).toBeLessThan(60_000);
  expect(done.stored_ms).toBe(done.sent_ms);
});

test('a second sender of the same source is told about the first', async () => {
  const { env } = await hubHere();
  const long = ['send-pcm', '--meeting', 'm', '--json', '--create-test-wav', '--test-duration', '10m'];
  const first = startCli(long, { env });
  await first.event('connected');
  const run = await runHere([...send, '--create-test-wav'], { env });
  expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('Stop the other sender') });
});

test('a hub that refuses the token is exit code 3, none at all is 4', async () => {
  const { url } = await hubHere();
  const args = [...send, '--create-test-wav', '--secret', `other ${secret}`];
  expect(await runHere([...args, '--url', url])).toMatchObject({ code: 3 });
  expect(await runHere([...args, '--connect-timeout', '5s', '--url', nowhere])).toMatchObject({
    code: 4,
    stderr: expect.stringContaining(`cannot connect to ${nowhere}: connect ECONNREFUSED`),
  });
  const viewer = await runHere(['token', '--secret', secret, '--role', 'viewer']);
  const forbidden = [...send, '--create-test-wav', '--url', url, '--token', viewer.stdout.trim()];
  expect(await runHere(forbidden)).toMatchObject({ code: 3, stderr: expect.stringContaining('role') });
});

const wrong: ReadonlyArray<readonly [says: string, args: readonly string[]]> = [
  ['nothing to send', []],
  ['cannot be used with', ['--wav', 'a.wav', '--create-test-wav']],
  ['--test-duration works only', ['--wav', 'a.wav', '--test-duration', '5s']],
  ['too short for a word', ['--create-test-wav', '--test-duration', '200ms']],
  ['cannot be used with', ['--create-test-wav', '--url', nowhere, '--port', '1']],
  ['meeting must be', ['--create-test-wav', '--meeting', 'a b']],
  ['Allowed choices are mic, system', ['--create-test-wav', '--source', 'line']],
  ['from 2 to 32768', ['--create-test-wav', '--chunk-size', '65536']],
];

test.each(wrong)('wrong flags are a usage error: %s', async (says, args) => {
  const run = await runHere(['send-pcm', '--meeting', 'm', '--secret', secret, ...args]);
  expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining(says) });
});

/** Says in the header of a file that it has so many channels. */
async function widen(path: string, channels: number): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt16LE(channels * 2, 32);
  await writeFile(path, bytes);
}

test('a file that no hub takes is refused before anything is sent', async () => {
  const cwd = await temporaryDirectory();
  await writeWav(join(cwd, 'low.wav'), { sampleRate: 4000, channels: 1 }, [Buffer.alloc(8000)]);
  await writeWav(join(cwd, 'wide.wav'), { sampleRate: 16_000, channels: 1 }, [Buffer.alloc(18_000)]);
  await widen(join(cwd, 'wide.wav'), 9);
  const run = (file: string) =>
    runHere([...send, '--secret', secret, '--url', nowhere, '--wav', file], { cwd });
  expect(await run('low.wav')).toMatchObject({ code: 1, stderr: expect.stringContaining('8000 to 192000') });
  expect(await run('wide.wav')).toMatchObject({ code: 1, stderr: expect.stringContaining('1 to 8') });
  expect(await run('none.wav')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is no file'),
  });
});

test('pace counts samples: late pieces do not shift those after them', async () => {
  let now = 0;
  const waits: number[] = [];
  const pieces = Array.from({ length: 5 }, () => Buffer.alloc(100));
  const wait = (ms: number) => {
    waits.push(ms);
    now += ms;
    return Promise.resolve();
  };
  const yielded: number[] = [];
  for await (const _ of paced(pieces, { bytesPerSecond: 1000, speed: 2, now: () => now, wait })) {
    yielded.push(now);
    if (yielded.length === 2) now += 70;
  }
  expect(yielded).toEqual([50, 100, 170, 200, 250]);
  expect(waits).toEqual([50, 50, 30, 50]);
});

test('pieces grow with the speed, and what waits in memory is bounded', () => {
  const voice = { sampleRate: 16_000, channels: 1 };
  const studio = { sampleRate: 192_000, channels: 8 };
  expect([1, 5, 8, 100, 0].map((speed) => chunkBytesFor(voice, speed))).toEqual([
    4096, 4096, 6400, 32_768, 32_768,
  ]);
  expect(chunkBytesFor(studio, 1)).toBe(32_768);
  expect([maxBufferedMs(voice), maxBufferedMs(studio)]).toEqual([300_000, 40_000]);
});

/** The stored words of meeting m, as text. */
async function storedText(env: Record<string, string>): Promise<string> {
  const run = await runCli(['transcript', '--meeting', 'm', '--format', 'txt'], { env });
  return run.stdout.replaceAll('Speaker 0:', '').trim().split(/\s+/).join(' ');
}

test('killed, and started again with its spool, it goes on where it was', async () => {
  const cwd = await temporaryDirectory();
  const { env } = await hubHere();
  // Half a minute in real time: none of them gets to its end before it is killed.
  const { stdout } = await runHere(['wav', '--out', 'a.wav', '--words', '100'], { cwd });
  const args = ['send-pcm', '--meeting', 'm', '--json', '--wav', 'a.wav', '--spool', 'a.spool'];
  for (let round = 0; round < 3; round += 1) {
    const cli = startCli(args, { cwd, env });
    const { received_ms: receivedMs } = await cli.event<{ received_ms: number }>(
      'progress',
      (progress: { received_ms: number }) => progress.received_ms > 0,
    );
    expect(receivedMs).toBeGreaterThan(0);
    cli.signal('SIGKILL');
    await cli.ended;
  }
  expect(await runHere([...args, '--source', 'system'], { cwd, env })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('holds what is left of "mic" of m'),
  });
  const other = ['send-pcm', '--meeting', 'm', '--create-test-wav', '--spool', 'a.spool'];
  expect(await runHere(other, { cwd, env })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('not of "a test of 10 s"'),
  });
  const last = await runCli([...args, '--speed', '0'], { cwd, env });
  expect(last.code).toBe(0);
  expect(eventsOf(last)).toContainEqual({
    event: 'resumed',
    taken_ms: expect.any(Number),
    kept_ms: expect.any(Number),
  });
  expect(await storedText(env)).toBe(stdout.trim());
  expect(existsSync(join(cwd, 'a.spool'))).toBe(false);
});

test('what comes through a pipe comes once: the rest is sent, then what is new', async () => {
  const cwd = await temporaryDirectory();
  const { env } = await hubHere();
  const before = await runHere(['wav', '--out', 'one.wav', '--words', '100'], { cwd });
  const after = await runHere(['wav', '--out', 'two.wav', '--text', 'thank you hello'], { cwd });
  const args = ['send-pcm', '--meeting', 'm', '--json', '--wav', '-', '--spool', 'mic'];
  const first = startCli(args, { cwd, env, stdin: join(cwd, 'one.wav') });
  // Enough for some words, however soon it is killed.
  await first.event('progress', ({ received_ms: receivedMs }: { received_ms: number }) => receivedMs > 2_000);
  first.signal('SIGKILL');
  await first.ended;
  const second = await runCli(args, { cwd, env, stdin: join(cwd, 'two.wav') });
  expect(second.code).toBe(0);
  const text = await storedText(env);
  const rest = text.slice(0, -after.stdout.trim().length);
  expect(text.endsWith(after.stdout.trim())).toBe(true);
  expect(rest.trim()).not.toBe('');
  expect(before.stdout.startsWith(rest.trim())).toBe(true);
});
