/** `meetcast chaos` on hubs that lose words, or hang: what it finds, and that it ends with 1. */
import { expect, test, vi } from 'vitest';
import { endless, late, swallowing } from '../../../testing/test/chaos/support/recognizers.ts';
import { hubWith, playedIn, summaryOf } from '../support/chaos.ts';
import { secret } from '../support/hub.ts';
import { runCli, runHere } from '../support/run-cli.ts';

// A meeting takes its time, and is waited for longer than that.
vi.setConfig({ testTimeout: 300_000 });

test('a hub that loses words is exit code 1, and the words are named', async () => {
  const url = await hubWith(swallowing(2, 3));
  const whom = ['--url', url, '--secret', secret];
  const args = ['chaos', ...whom, '--only', 'duplicate', '--seed', '1', '--speed', '3'];
  const run = await runCli([...args, '--json']);
  expect(run.code).toBe(1);
  const [played] = playedIn(run);
  expect(played).toMatchObject({ name: 'duplicate', status: 'failed', twice: 0 });
  expect(played?.lost).toBeGreaterThan(0);
  expect(played?.words.stored).toBe((played?.words.said ?? 0) - (played?.lost ?? 0));
  const first = played?.missing[0];
  expect(first?.from).toEqual(['stored', 'seen']);
  expect(summaryOf(run)).toMatchObject({ ok: false, failed: 1 });
  const plain = await runHere(args);
  expect(plain).toMatchObject({ code: 1 });
  expect(plain.stderr).toContain(`word ${first?.place} of mic, "${first?.word}", was not stored, not seen`);
  expect(plain.stderr).toContain('--seed 1');
});

test('a hub that hears no tone language is told apart before anything is hurt', async () => {
  const url = await hubWith(swallowing(0, Number.POSITIVE_INFINITY));
  const run = await runHere(['chaos', '--url', url, '--secret', secret, '--json']);
  expect(run.code).toBe(1);
  expect(run.stderr).toContain('does not understand the test audio');
  expect(playedIn(run)).toEqual([]);
});

test('a hub that hangs is given up when the time is over: exit code 1', async () => {
  // A first stream is that of the words before anything is hurt.
  const hurt = await hubWith(endless(2));
  const args = ['chaos', '--secret', secret, '--only', 'duplicate', '--speed', '3', '--json'];
  const before = await hubWith(endless(1));
  // Some seconds are enough to get so far, where the machine has nothing else to do.
  const [run, none] = await Promise.all(
    [hurt, before].map((url) => runCli([...args, '--url', url, '--time-limit', '30s'])),
  );
  expect(run?.code).toBe(1);
  const played = run ? playedIn(run) : [];
  expect(played).toMatchObject([{ name: 'duplicate', status: 'failed' }]);
  expect(played[0]?.problems).toEqual(['the time limit of 30 s is over: not all was stored and seen']);
  expect(none?.code).toBe(1);
  expect(none?.stderr).toContain(
    'even without a fault, the time limit of 30 s is over: not all was stored and seen',
  );
});

test('words of one of two sources that are lost are named with it', async () => {
  const url = await hubWith(swallowing(2, 3, 'system'));
  const whom = ['--url', url, '--secret', secret];
  const args = ['chaos', ...whom, '--only', 'duplicate', '--speed', '3', '--json'];
  expect((await runHere(args)).code).toBe(0);
  expect((await runHere([...args, '--sources', 'system'])).code).toBe(1);
  const run = await runCli([...args, '--sources', 'mic,system']);
  expect(run.code).toBe(1);
  const [played] = playedIn(run);
  expect(new Set(played?.missing.map(({ source }) => source))).toEqual(new Set(['system']));
});

test('a hub that stores words more than 20 ms from where they were said is exit code 1', async () => {
  const args = ['chaos', '--secret', secret, '--only', 'drop', '--speed', '3', '--json'];
  // The words before anything is hurt have the first stream, those before the fault the second.
  const run = await runHere([...args, '--url', await hubWith(late(30, 3))]);
  expect(run.code).toBe(1);
  const [played] = playedIn(run);
  expect(played).toMatchObject({ status: 'failed', lost: 0, twice: 0 });
  expect(played?.time_error_ms).toBeGreaterThanOrEqual(27);
  expect(played?.time_error_ms).toBeLessThanOrEqual(33);
  expect(played?.problems).toEqual([expect.stringMatching(/^\d+ words stored more than 20 ms from where/)]);
  const always = await runHere([...args, '--url', await hubWith(late(30, 1))]);
  expect(always.code).toBe(1);
  expect(always.stderr).toMatch(/even without a fault, \d+ words stored more than 20 ms/);
});
