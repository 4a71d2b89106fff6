/** A folder that takes no audio: whoever runs the hub is told, in time and not too often. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { request, silence } from '../../../testing/src/contracts/streams.ts';
import { type ResilientOptions, resilient } from '../../src/recovery/resilient.ts';
import { passing, toneRecognizer } from '../recognizer/tone-recognizer.ts';

const never = new AbortController().signal;

function start(options: ResilientOptions) {
  const observed: Error[] = [];
  const inner = toneRecognizer();
  const recognizer = resilient(inner, { backoff: { minMs: 60_000, maxMs: 60_000 }, ...options }, (error) =>
    observed.push(error),
  );
  return { inner, recognizer, observed };
}

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'spool-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a folder that cannot be written is told before anybody speaks, with what to do', async () => {
  const file = join(emptyFolder(), 'file');
  writeFileSync(file, '', { mode: 0o777 });
  for (const [folder, code] of [
    [file, 'ENOTDIR'],
    [join(file, 'below'), 'ENOTDIR'],
    [`${file}-absent`, 'ENOENT'],
  ] as const) {
    const { observed } = start({ folder });
    await expect.poll(() => observed).toHaveLength(1);
    expect(observed[0]).toMatchObject({ cause: { code } });
    expect(observed[0]?.message).toContain(`cannot be buffered in recovery.folder ${folder} (${code}`);
  }
});

test('one outage is told once, however many sources it refuses', async () => {
  const folder = emptyFolder();
  const { inner, recognizer, observed } = start({ folder, memoryMs: 2_000 });
  rmSync(folder, { recursive: true });
  inner.refusals.push(passing(), passing(), passing());
  for (let source = 0; source < 3; source += 1) {
    const stream = await recognizer.open(request, never);
    onTestFinished(() => stream.abort());
    for (let second = 0; second < 5; second += 1) void stream.write(silence(1));
  }
  await expect.poll(() => observed.length).toBeGreaterThan(0);
  const later = start({ folder });
  await expect.poll(() => later.observed).toHaveLength(1);
  expect(observed).toMatchObject([{ cause: { code: 'ENOENT' } }]);
});

test('what needs no file needs no folder', async () => {
  const { observed } = start({ folder: join(emptyFolder(), 'absent'), memoryMs: 2_000, keptMs: 2_000 });
  const known = start({ folder: join(emptyFolder(), 'absent') });
  await expect.poll(() => known.observed).toHaveLength(1);
  expect(observed).toEqual([]);
});
