/** `meetcast forget`: who is asked, who may, and what is left. */
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { confirmed } from '../../src/confirm.ts';
import { hubHere, nowhere, secret } from '../support/hub.ts';
import { read, say } from '../support/meeting.ts';
import { eventsOf, runCli, runHere } from '../support/run-cli.ts';

const forget = ['forget', '--meeting', 'm'];

test('with --yes a meeting is gone, and no other', async () => {
  const { url, env } = await hubHere();
  for (const meeting of ['m', 'other']) await say(url, 'hello all', meeting);
  const { epoch } = await read(url);
  const run = await runCli([...forget, '--yes', '--json'], { env });
  expect(run).toMatchObject({ code: 0, stderr: 'Meeting m is deleted.\n' });
  expect(eventsOf(run)).toEqual([{ event: 'forgotten', meeting: 'm' }]);
  const left = await read(url);
  expect(left).toMatchObject({ seq: 0, segments: [] });
  expect(left.epoch).not.toBe(epoch);
  expect((await runHere(['search', 'hello'], { env })).stdout).toMatch(/^other .*\n$/);
  expect(await runHere([...forget, '--yes'], { env })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('request failed (404): There is no meeting "m".'),
  });
});

test('without a terminal and without --yes nothing is forgotten', async () => {
  const { url, env } = await hubHere();
  await say(url, 'hello');
  expect(await runHere(forget, { env })).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('--yes'),
  });
  expect((await read(url)).segments).toHaveLength(1);
});

test('whoever may not manage is refused: exit code 3; no hub is 4, no meeting id 2', async () => {
  const { url, env } = await hubHere();
  await say(url, 'hello');
  const member = await runHere(['token', '--secret', secret, '--role', 'member']);
  const asMember = [...forget, '--yes', '--url', url, '--token', member.stdout.trim()];
  expect(await runHere(asMember)).toMatchObject({ code: 3, stderr: expect.stringContaining('manage') });
  expect((await read(url)).segments).toHaveLength(1);
  expect(
    await runHere([...forget, '--yes', '--url', nowhere], { env: { SECRET_KEY: secret } }),
  ).toMatchObject({
    code: 4,
  });
  expect(await runHere(['forget', '--meeting', '..', '--yes'], { env })).toMatchObject({ code: 2 });
  expect(await runHere(['forget', '--yes'], { env })).toMatchObject({ code: 2 });
});

test('only a yes is a yes; an end without an answer is a no', async () => {
  const answer = (text: string) => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    input.end(text);
    return confirmed('Sure? ', input, output);
  };
  for (const yes of ['y\n', 'Yes \n', 'YES\n']) expect(await answer(yes), yes).toBe(true);
  for (const no of ['n\n', '\n', '', 'yessir\n', 'm\n']) expect(await answer(no), no).toBe(false);
});
