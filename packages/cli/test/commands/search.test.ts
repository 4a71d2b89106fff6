/** `meetcast search`: hits as lines, as JSON, and none. */
import { SearchPage } from '@meetcast/protocol';
import { expect, test } from 'vitest';
import { highlighted } from '../../src/commands/search.ts';
import { hubHere, nowhere, secret } from '../support/hub.ts';
import { say } from '../support/meeting.ts';
import { eventsOf, runCli, runHere } from '../support/run-cli.ts';

test('who said it when, in every meeting or in one; colour only where it is wanted', async () => {
  const { url, env } = await hubHere();
  await say(url, 'good morning all', 'first');
  await say(url, 'thank you all', 'second');
  const search = async (...args: string[]) => {
    const run = await runHere(['search', ...args], { env });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    return run.stdout;
  };
  const first = 'first [00:00] mic speaker 0: good morning all\n';
  const second = 'second [00:00] mic speaker 0: thank you all\n';
  expect(await search('all')).toBe(second + first);
  expect(await search('ALL', 'morning')).toBe(first);
  expect(await search('all', '--meeting', 'second')).toBe(second);
  const coloured = await runCli(['search', 'morning'], { env: { ...env, FORCE_COLOR: '1' } });
  expect(coloured.stdout).toContain('good \u001b[1m\u001b[33mmorning\u001b[39m\u001b[22m all');
});

test('--json is a hit a line, --limit bounds them', async () => {
  const { url, env } = await hubHere();
  for (const meeting of ['a', 'b']) await say(url, 'hello all', meeting);
  const run = await runHere(['search', 'all', '--json'], { env });
  const hits = eventsOf(run);
  expect(SearchPage.safeParse({ query: 'all', hits, next: null }).success).toBe(true);
  expect(hits).toMatchObject([
    { event: 'hit', meeting_id: 'b', excerpt: 'hello all', highlights: [[6, 9]] },
    { event: 'hit', meeting_id: 'a', segment: { text: 'hello all' } },
  ]);
  const one = await runHere(['search', 'all', '--json', '--limit', '1'], { env });
  expect(eventsOf(one)).toHaveLength(1);
  expect(one.stderr).toBe('There are more: raise --limit.\n');
});

test('nothing found is no failure; what is no word, no meeting or no hub is', async () => {
  const { url, env } = await hubHere();
  const found = await runHere(['search', 'zeppelin'], { env });
  expect(found).toEqual({ code: 0, stdout: '', stderr: 'Nothing found.\n' });
  expect(await runHere(['search'], { env })).toMatchObject({ code: 2 });
  expect(await runHere(['search', '…'], { env })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('expected a word'),
  });
  expect(await runHere(['search', 'a', '--meeting', 'a b'], { env })).toMatchObject({ code: 2 });
  expect(await runHere(['search', 'a', '--url', url, '--secret', `other ${secret}`])).toMatchObject({
    code: 3,
  });
  expect(await runHere(['search', 'a', '--url', nowhere, '--secret', secret])).toMatchObject({ code: 4 });
});

test('marks stand where the hub said, and text cannot steer the terminal', () => {
  const mark = (text: string) => `<${text}>`;
  expect(
    highlighted(
      '…one\u001b[2J two one',
      [
        [1, 4],
        [13, 16],
      ],
      mark,
    ),
  ).toBe('…<one> [2J two <one>');
  expect(highlighted('none', [], mark)).toBe('none');
});
