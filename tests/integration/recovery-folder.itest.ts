// The folder for audio that has to be heard again cannot be written: the hub says so, and goes on.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startHub } from '../support/start-hub.ts';

const soon = { timeout: 60_000, interval: 10 };

function unwritable(): string {
  const folder = mkdtempSync(join(tmpdir(), 'recovery-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'file'), '');
  return join(folder, 'file', 'below');
}

test('a hub whose recovery.folder cannot be written starts, and says so once before anybody comes', async () => {
  const folder = unwritable();
  const stage = await startHub({ recovery: { folder } });
  const errors = () => stage.observed.filter((event) => event.type === 'error');
  await vi.waitFor(() => expect(errors()).toHaveLength(1), soon);
  expect(errors()).toMatchObject([{ stage: 'recovery', error: { cause: { code: 'ENOTDIR' } } }]);
  expect(String(errors()[0]?.error)).toContain(`in recovery.folder ${folder}`);
  await stage.sender();
  const metrics = await (await stage.get('metrics')).text();
  expect(metrics).toContain('meetcast_errors_total{stage="recovery"} 1');
  expect(errors()).toHaveLength(1);
});

test('with recovery left to the sender, or a folder that is there, nothing is said', async () => {
  const known = unwritable();
  const stages = [
    await startHub({ recovery: false }),
    await startHub(),
    await startHub({ recovery: { folder: known } }),
  ];
  await vi.waitFor(() => expect(stages[2]?.observed).toHaveLength(1), soon);
  for (const { observed } of stages.slice(0, 2)) expect(observed).toEqual([]);
});
