/** `meetcast meetings`: the list, its pages, and what is said of each meeting. */
import { MeetingSummary } from '@meetcast/protocol';
import { expect, test } from 'vitest';
import { hubHere, nowhere, secret } from '../support/hub.ts';
import { say, sender } from '../support/meeting.ts';
import { eventsOf, runCli, runHere } from '../support/run-cli.ts';

test('the newest first, with when, how long and in which language', async () => {
  const { url, env } = await hubHere();
  const none = await runCli(['meetings'], { env });
  expect(none).toEqual({ code: 0, stdout: '', stderr: 'No meetings yet.\n' });
  await say(url, 'hello thank you', 'first');
  const talking = sender(url, 'second');
  await new Promise<void>((resolve) => {
    talking.on('status', () => resolve());
  });
  const { code, stdout, stderr } = await runHere(['meetings'], { env });
  talking.close();
  expect([code, stderr]).toEqual([0, '']);
  const [head = '', ...rows] = stdout.trimEnd().split('\n');
  expect(head.split(/ {2,}/)).toEqual(['id', 'title', 'started', 'ended', 'languages', 'entries']);
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatch(/^second +\d{4}-\d\d-\d\d \d\d:\d\d +live +1$/);
  expect(rows[1]).toMatch(/^first +\d{4}-\d\d-\d\d \d\d:\d\d +\d{4}-\d\d-\d\d \d\d:\d\d +en +3$/);
});

test('--limit and --after page through them; --json is a meeting a line', async () => {
  const { url, env } = await hubHere();
  for (const meeting of ['a', 'b', 'c']) await say(url, 'hello', meeting);
  const page = async (...args: string[]) => {
    const run = await runHere(['meetings', '--json', ...args], { env });
    expect(run.code).toBe(0);
    return eventsOf(run) as Array<{ event: string; meeting_id?: string; after?: string }>;
  };
  const [c, b, more, ...rest] = await page('--limit', '2');
  expect([c?.meeting_id, b?.meeting_id, more?.event, rest]).toEqual(['c', 'b', 'more', []]);
  expect(MeetingSummary.parse(c)).toMatchObject({ seq: 3, sources: ['mic'] });
  const last = await page('--limit', '2', '--after', more?.after ?? '');
  expect(last).toMatchObject([{ event: 'meeting', meeting_id: 'a' }]);
  const said = await runHere(['meetings', '--limit', '2'], { env });
  expect(said.stderr).toBe(`There are more: --after ${more?.after}\n`);
});

test('wrong flags exit 2, a refused token 3, no hub 4', async () => {
  const { url, env } = await hubHere();
  expect(await runHere(['meetings', '--limit', '0'], { env })).toMatchObject({ code: 2 });
  expect(await runHere(['meetings', '--after', 'yesterday'], { env })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('"after"'),
  });
  const refused = ['meetings', '--url', url, '--secret', `other ${secret}`];
  expect(await runHere(refused)).toMatchObject({ code: 3 });
  expect(await runHere(['meetings', '--url', nowhere, '--secret', secret])).toMatchObject({ code: 4 });
});
