/** Scenarios on hubs that are not what they should be: each broken promise fails, and is named. */
import { describe, test, vi } from 'vitest';
import { type ChaosOptions, chaos } from '../../src/chaos/chaos.ts';
import type { Broken, Played } from '../../src/chaos/judge.ts';
import type { ChangeHub } from '../../src/chaos/scenario.ts';
import { openStage } from '../../src/chaos/stage.ts';
import type { DeepgramSimulator } from '../../src/index.ts';
import { type ChangeRecognizer, deafAtTheEnd, refusingWith, slowToReturn } from './support/recognizers.ts';

// A meeting takes its time, and is waited for longer than that.
vi.setConfig({ testTimeout: 300_000, maxConcurrency: 10 });

interface Run extends Pick<Played, 'status' | 'problems' | 'notes' | 'gaps' | 'recoveredMs'> {
  lost: number;
  recognizers: readonly DeepgramSimulator[];
}

const whatever: ChangeHub = (options) => options;

/** One scenario, on a hub whose options were changed. */
async function run(
  name: string,
  change: ChangeHub = whatever,
  shape: Pick<ChaosOptions, 'sources' | 'channels'> = {},
): Promise<Run> {
  const recognizers: DeepgramSimulator[] = [];
  const options = { ...shape, only: [name], own: { change, memory: true }, seed: 1, timeLimitMs: 150_000 };
  const { results } = await chaos(options, async (parts) => {
    const stage = await openStage(parts);
    recognizers.push(stage.backstage.recognizer);
    return stage;
  });
  const result = results.get(name) as Played | Broken;
  const unplayed = { notes: [], gaps: 0, recoveredMs: null };
  const lost = 'missing' in result ? result.missing.length : 0;
  return { ...unplayed, ...result, lost, recognizers };
}

const recognizing =
  (change: ChangeRecognizer): ChangeHub =>
  (options) => {
    const { recognizer } = options;
    if (!('open' in recognizer)) throw new TypeError('expected one recognizer');
    return { ...options, recognizer: change(recognizer) };
  };

const noticingAfter =
  (silentMs: number): ChangeHub =>
  ({ recovery, limits, ...options }) => ({
    ...options,
    recovery: { ...(typeof recovery === 'object' ? recovery : {}), silentMs },
    // A hub that has not noticed does so at the end.
    limits: { ...limits, drainSilenceMs: 2_000 },
  });

describe.concurrent('a hub that', () => {
  test('is well passes: it says that the recognizer is silent, and goes on with another stream', async ({
    expect,
  }) => {
    const { status, problems, notes, recoveredMs, recognizers } = await run('recognizer-silent');
    expect({ status, problems }).toEqual({ status: 'passed', problems: [] });
    expect(notes).toEqual([
      expect.stringMatching(/the hub said after \d+\.\d s that the recognizer is silent/),
    ]);
    // Words came back after the alarm, by a stream that was opened for them: the first one says nothing any more.
    expect(recoveredMs).toBeGreaterThan(0);
    expect(recognizers[0]?.streams.length).toBe(2);
  });

  test('never notices a silent recognizer fails', async ({ expect }) => {
    const { status, problems } = await run('recognizer-silent', noticingAfter(600_000));
    expect({ status }).toEqual({ status: 'failed' });
    expect(problems).toEqual([expect.stringMatching(/not told within 10 s that the recognizer is silent/)]);
  });

  test('notices it too late fails, though it loses no word', async ({ expect }) => {
    const { status, problems, lost } = await run('recognizer-silent', noticingAfter(12_000));
    expect({ status, lost }).toEqual({ status: 'failed', lost: 0 });
    expect(problems).toEqual([expect.stringMatching(/not told within 10 s that the recognizer is silent/)]);
  });

  test('notices it, and is long in finding another stream, fails', async ({ expect }) => {
    const { status, problems, lost } = await run('recognizer-silent', recognizing(slowToReturn(13_000)));
    expect({ status, lost }).toEqual({ status: 'failed', lost: 0 });
    expect(problems).toEqual([expect.stringMatching(/not told within 10 s after that .* working again/)]);
  });

  test.for([
    [401, '', /^the sender of mic was told an empty reason$/],
    [402, 'there is no credit. Buy some.', /^the sender of mic was told 2 sentences/],
    [
      403,
      'The speech recognizer failed.',
      /^the sender of mic was told a reason that says nothing of the access/,
    ],
  ] as const)('for %i tells its senders "%s" fails', async ([code, reason, problem], { expect }) => {
    const { status, problems, lost } = await run(`recognizer-${code}`, recognizing(refusingWith(reason)));
    expect({ status, lost }).toEqual({ status: 'failed', lost: 0 });
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  test('never says what is missing while its senders stay away fails', async ({ expect }) => {
    const patient: ChangeHub = (options) => ({ ...options, limits: { ...options.limits, graceMs: 60_000 } });
    const { status, problems, lost, gaps } = await run('recognizer-402', patient);
    expect({ status, lost, gaps }).toEqual({ status: 'failed', lost: 0, gaps: 0 });
    expect(problems).toEqual([expect.stringMatching(/the log did not say what is missing/)]);
  });

  test('lets its senders forget audio whose words it has not fails', async ({ expect }) => {
    // A hub that looks after its recognizers does not take such a stream's word for it.
    const trusting: ChangeHub = (options) => ({
      ...recognizing(deafAtTheEnd(2_500))(options),
      recovery: false,
    });
    const { status, problems, lost } = await run('recognizer-401', trusting);
    expect(status).toBe('failed');
    const problem = /^the sender of mic no longer has \d+ ms of audio whose words are not stored$/;
    expect(problems).toContainEqual(expect.stringMatching(problem));
    expect(lost).toBeGreaterThan(0);
  });
});

test('a hub that cannot be opened has not passed', async ({ expect }) => {
  const none: ChangeHub = () => {
    throw new Error('there is no room for a hub');
  };
  const { status, problems } = await run('drop', none);
  expect({ status, problems }).toEqual({
    status: 'failed',
    problems: ['there is no room for a hub'],
  });
});

test.concurrent('each source has a stream of its own, with the channels asked for', async ({ expect }) => {
  const shape = { sources: ['mic', 'system'] as ['mic', 'system'], channels: 2 };
  const { status, recognizers } = await run('recognizer-402', whatever, shape);
  expect(status).toBe('passed');
  const streams = recognizers[0]?.streams ?? [];
  expect(streams.length).toBeGreaterThanOrEqual(4);
  for (const { query } of streams) expect(query).toContain('channels=2');
});
