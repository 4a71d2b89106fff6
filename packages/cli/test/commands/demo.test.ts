/** `meetcast demo`: the whole of it in one process. */
import { readdir } from 'node:fs/promises';
import { countWords } from '@meetcast/testing/chaos';
import { expect, test } from 'vitest';
import { meetingMs, said } from '../../src/demo/script.ts';
import { eventsOf, runCli, startCli, temporaryDirectory } from '../support/run-cli.ts';

interface Event {
  event: string;
  who?: string;
  what?: string;
  equal?: boolean;
  mic?: string;
  text?: string;
}

test('all words said are stored and seen by every viewer: exit code 0', async () => {
  const run = await runCli(['demo', '--speed', '15', '--json']);
  expect(run.code).toBe(0);
  const events = eventsOf(run) as Event[];
  const heard = events.filter(({ event }) => event === 'heard');
  expect(heard.map(({ who, equal, mic }) => [who, equal, mic])).toEqual(
    ['stored', 'viewer 1, from the start', 'viewer 2, joined late', 'viewer 3, dropped twice'].map((who) => [
      who,
      true,
      said.mic.join(' '),
    ]),
  );
  const happened = events.flatMap(({ event, what }) => (event === 'viewer' ? [what] : []));
  expect(happened.sort()).toEqual(['caught-up', 'cut', 'cut', 'joined', 'resumed', 'resumed']);
  expect(events.at(-1)).toEqual({ event: 'done', ok: true, words: countWords(said) });
});

test('for people it ends with subtitles, a table and a verdict', async () => {
  const run = await runCli(['demo', '--speed', '20']);
  expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('were stored and seen') });
  expect(run.stdout).toContain('[00:00] mic speaker 0: good morning all');
  expect(run.stdout).toMatch(/\n1\n00:00:00,3.* --> /);
  expect(run.stdout.match(/✓ the same words in the same order/g)).toHaveLength(4);
});

test('the meeting takes about half a minute', () => {
  expect(meetingMs).toBeGreaterThan(25_000);
  expect(meetingMs).toBeLessThan(35_000);
});

test('it stores in a folder of its own, which is gone afterwards, however it ends', async () => {
  const TMPDIR = await temporaryDirectory();
  const demo = (speed: string) => startCli(['demo', '--speed', speed, '--json'], { env: { TMPDIR } });
  expect(await demo('20').ended).toMatchObject({ code: 0 });
  expect(await readdir(TMPDIR)).toEqual([]);
  // In real time: it is still on when somebody has looked.
  const stopped = demo('1');
  await stopped.event('final');
  expect(await readdir(TMPDIR)).toEqual([expect.stringMatching(/^meetcast-demo-/)]);
  stopped.signal('SIGINT');
  expect(await stopped.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('stopped before') });
  expect(await readdir(TMPDIR)).toEqual([]);
});
