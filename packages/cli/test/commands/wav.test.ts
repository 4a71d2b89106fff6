/** `meetcast wav`, and that what it writes can be read and heard again. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ToneDecoder } from '@meetcast/testing';
import { expect, test } from 'vitest';
import { openWav } from '../../src/wav.ts';
import { eventsOf, runCli, runHere, temporaryDirectory } from '../support/run-cli.ts';

async function wordsIn(path: string): Promise<string> {
  const { sampleRate, channels, frames } = await openWav(path);
  const decoder = new ToneDecoder({ sampleRate, channels });
  const words: string[] = [];
  for await (const piece of frames(4096)) words.push(...decoder.write(piece).map(({ word }) => word));
  words.push(...decoder.end().map(({ word }) => word));
  return words.join(' ');
}

test('the text on stdout is what the file says', async () => {
  const cwd = await temporaryDirectory();
  const run = await runCli(['wav', '--out', 'a.wav', '--text', 'Hello, thank ışık!'], { cwd });
  expect(run).toMatchObject({ code: 0, stdout: 'hello thank ışık\n' });
  expect(await wordsIn(join(cwd, 'a.wav'))).toBe('hello thank ışık');
});

test('the same seed draws the same words, at any rate and number of channels', async () => {
  const cwd = await temporaryDirectory();
  const args = ['wav', '--words', '12', '--seed', '7'];
  const one = await runHere([...args, '--out', 'one.wav'], { cwd });
  const other = await runHere(
    [...args, '--out', 'other.wav', '--sample-rate', '44100', '--channels', '2', '--json'],
    {
      cwd,
    },
  );
  const text = one.stdout.trim();
  expect(text.split(' ')).toHaveLength(12);
  expect(eventsOf(other)).toMatchObject([{ event: 'wav', text, sample_rate: 44_100, channels: 2 }]);
  expect(await wordsIn(join(cwd, 'one.wav'))).toBe(text);
  expect(await wordsIn(join(cwd, 'other.wav'))).toBe(text);
});

test('a tone has the length, rate and level asked for, and a header with true sizes', async () => {
  const cwd = await temporaryDirectory();
  const run = await runHere(
    ['wav', '--out', 't.wav', '--frequency', '1000', '--duration', '1500ms', '--sample-rate', '8000'],
    { cwd },
  );
  expect(run).toMatchObject({ code: 0, stdout: '' });
  const file = await readFile(join(cwd, 't.wav'));
  expect(file.readUInt32LE(4)).toBe(file.length - 8);
  expect(file.readUInt32LE(40)).toBe(12_000 * 2);
  const audio = await openWav(join(cwd, 't.wav'));
  audio.close();
  expect(audio).toMatchObject({ durationMs: 1500, sampleRate: 8000, channels: 1 });
  expect(Math.max(...new Int16Array(file.buffer, file.byteOffset + 44, 100))).toBe(16_384);
});

test('with the audio on stdout the words go to stderr', async () => {
  const run = await runCli(['wav', '--out', '-', '--text', 'hello']);
  expect(run.stdout.slice(0, 4)).toBe('RIFF');
  expect(run).toMatchObject({ code: 0, stderr: 'hello\n' });
});

const wrong: ReadonlyArray<readonly [says: string, args: readonly string[]]> = [
  ['nothing to put into the file', []],
  ['did you mean "hello"', ['--text', 'helllo']],
  ['no words', ['--text', '…']],
  ['cannot be used with', ['--text', 'hello', '--words', '3']],
  ['Expected a whole number of at least 1', ['--words', '0']],
  ['cannot carry 9000 Hz', ['--frequency', '9000']],
  ['from 8000 to 192000', ['--words', '3', '--sample-rate', '4000']],
];

test.each(wrong)('wrong flags are a usage error: %s', async (says, args) => {
  const cwd = await temporaryDirectory();
  const run = await runHere(['wav', '--out', 'a.wav', ...args], { cwd });
  expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
  await expect(stat(join(cwd, 'a.wav'))).rejects.toThrow('ENOENT');
});
