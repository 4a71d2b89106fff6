/** `meetcast subscribe`: what is printed, from where on, and until when. */
import { publish } from '@meetcast/client';
import { freePort, speak } from '@meetcast/testing';
import { expect, test } from 'vitest';
import { partialLine, textOf } from '../../src/event-text.ts';
import { hubHere, nowhere, secret, serveHub, token } from '../support/hub.ts';
import { eventsOf, runHere, startCli } from '../support/run-cli.ts';

async function meet(url: string, text: string): Promise<void> {
  const publisher = publish({ url, meeting: 'm', token, source: 'mic', sampleRate: 16_000 });
  await publisher.write(speak(text, { sampleRate: 16_000, speaker: 2 }));
  await publisher.finalize();
}

const subscribe = ['subscribe', '--meeting', 'm'];

test('--until ended: the words on stdout, the rest on stderr, exit code 0', async () => {
  const { url, env } = await hubHere();
  const viewer = startCli([...subscribe, '--until', 'ended'], { env });
  await meet(url, 'hello thank ışık');
  expect(await viewer.ended).toEqual({
    code: 0,
    stdout: '[00:00] mic speaker 2: hello thank ışık\n',
    stderr: 'live: Audio started.\nended: Transcript complete.\n',
  });
});

test('--json is what the hub sent, each line with its type as event', async () => {
  const { url, env } = await hubHere();
  await meet(url, 'hello');
  const run = await runHere([...subscribe, '--until', 'ended', '--json'], { env });
  expect(run.code).toBe(0);
  expect(eventsOf(run)).toMatchObject([
    { event: 'connection', status: 'connected' },
    { event: 'status', type: 'status', seq: 1 },
    { event: 'transcript.final', type: 'transcript.final', seq: 2, text: 'hello', meta: { source: 'mic' } },
    { event: 'status', status: 'ended', seq: 3 },
  ]);
});

const seqsIn = (run: { stdout: string }): number[] =>
  (eventsOf(run) as Array<{ seq?: number }>).flatMap(({ seq }) => (seq === undefined ? [] : [seq]));

test('--since resumes, --history limits the past, --timeout exits 5', async () => {
  const { url, env } = await hubHere();
  await meet(url, 'hello');
  const untilEnded = [...subscribe, '--json', '--until', 'ended'];
  for (const from of [
    ['--since', '2'],
    ['--history', '1'],
  ]) {
    const run = await runHere([...untilEnded, ...from], { env });
    expect(run.code).toBe(0);
    expect(seqsIn(run)).toEqual([3]);
  }
  const newcomer = startCli([...untilEnded, '--history', 'none'], { env });
  await newcomer.event('connection');
  await meet(url, 'again');
  expect(seqsIn(await newcomer.ended)).toEqual([4, 5, 6]);
  const inVain = await runHere([...subscribe, '--history', 'none', '--timeout', '500ms'], { env });
  expect(inVain).toMatchObject({ code: 5, stderr: expect.stringContaining('--timeout 0.5 s is over') });
});

test('SIGINT ends it with 0', async () => {
  const { env } = await hubHere();
  const viewer = startCli([...subscribe, '--json'], { env });
  await viewer.event('connection');
  viewer.signal('SIGINT');
  expect(await viewer.ended).toMatchObject({ code: 0, stderr: '' });
  const early = startCli([...subscribe, '--url', nowhere, '--secret', secret]);
  await early.said(/does not answer yet/);
  early.signal('SIGINT');
  expect(await early.ended).toMatchObject({ code: 0 });
});

test('a refused token is exit code 3, no hub is 4, a wrong command line 2', async () => {
  const { url } = await hubHere();
  const other = [...subscribe, '--secret', `other ${secret}`];
  expect(await runHere([...other, '--url', url])).toMatchObject({ code: 3 });
  expect(await runHere([...other, '--url', nowhere, '--connect-timeout', '200ms'])).toMatchObject({
    code: 4,
  });
  expect(await runHere([...other, '--url', 'ftp://x'])).toMatchObject({ code: 2 });
  expect(await runHere([...other, '--history', 'some'])).toMatchObject({ code: 2 });
  expect(await runHere([...other, '--epoch', 'e'])).toMatchObject({ code: 2 });
  expect(await runHere(subscribe)).toMatchObject({ code: 2, stderr: expect.stringContaining('no token') });
});

test('a link that drops comes back, and says so', async () => {
  const { url, env, cli } = await serveHub(['--port', String(await freePort())]);
  const viewer = startCli([...subscribe, '--json'], { env });
  await viewer.event('connection');
  cli.signal('SIGTERM');
  await viewer.said(/Connection lost: .*\. Reconnecting in \d/);
  await cli.ended;
  await serveHub(['--port', new URL(url).port]);
  await viewer.said(/Connected again\./);
});

const common = { meeting_id: 'm', ts: '2026-01-01T00:00:00.000Z' };

test('events read as lines, and cannot steer the terminal', () => {
  const spoken = { ...common, segment_no: 1, start_ms: 3_725_000, end_ms: 3_726_000, text: 'a\u001b[2Jb' };
  const final = {
    ...spoken,
    type: 'transcript.final',
    seq: 1,
    speaker: 'Ada',
    meta: { source: 'mic' },
  } as const;
  expect(textOf(final)).toEqual({ kind: 'words', text: '[1:02:05] mic Ada: a [2Jb' });
  const gap = {
    ...common,
    type: 'gap',
    seq: 2,
    source: 'mic',
    start_ms: 0,
    end_ms: 61_000,
    cause: 'x',
  } as const;
  expect(textOf(gap)).toEqual({ kind: 'words', text: '[00:00–01:01] mic: (no text: x)' });
  const retract = { ...common, type: 'retract', seq: 3, segment_no: 1 } as const;
  expect(textOf(retract)).toEqual({ kind: 'note', text: 'retracted: segment 1' });
  expect(textOf({ ...spoken, type: 'transcript.partial' })).toBeUndefined();
});

test('a partial fits its line: of long words the end is shown', () => {
  const partial = { ...common, type: 'transcript.partial', segment_no: 1, start_ms: 0, end_ms: 1 } as const;
  const line = partialLine({ ...partial, text: 'one two three four five six', meta: { source: 'mic' } }, 30);
  expect(line).toHaveLength(30);
  expect(line).toMatch(/^\[00:00\] mic: ….*six…$/);
});
