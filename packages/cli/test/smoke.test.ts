/** `meetcast smoke`: a hub that brings back every word, one that loses some, and one that says nothing. */
import { createServer } from 'node:http';
import type { Recognizer } from '@meetcast/server';
import { expect, test } from 'vitest';
import { hubHere, hubOn, nowhere, secret, serveHub } from './support/hub.ts';
import { eventsOf, runCli, runHere, startCli } from './support/run-cli.ts';

interface Smoke {
  ok: boolean;
  said: string;
  words: { said: number; stored: number; seen: number };
  missing: Array<{ place: number; word: string; from: string[] }>;
}

const resultOf = (run: { stdout: string }) => eventsOf(run)[0] as Smoke;

test('every word said was stored and seen: exit code 0', async () => {
  const { env } = await serveHub();
  const run = await runCli(['smoke', '--words', '40', '--json'], { env });
  expect(run.code).toBe(0);
  expect(resultOf(run)).toMatchObject({ ok: true, words: { said: 40, stored: 40, seen: 40 }, missing: [] });
  expect((await runHere(['smoke'], { env })).stdout).toMatch(/said +20\nstored +20\nseen +20\n/);
});

/** Hears silence in place of a stretch of audio. */
function deafBetween(recognizer: Recognizer, fromByte: number, toByte: number): Recognizer {
  return {
    async open(request, signal) {
      const stream = await recognizer.open(request, signal);
      let at = 0;
      const write = (audio: Uint8Array) => {
        const heard = Uint8Array.from(audio, (byte, index) =>
          at + index >= fromByte && at + index < toByte ? 0 : byte,
        );
        at += audio.length;
        return stream.write(heard);
      };
      return {
        channels: stream.channels,
        results: stream.results,
        write,
        flush: () => stream.flush(),
        finish: () => stream.finish(),
        abort: () => stream.abort(),
      };
    },
  };
}

test('words that were lost are named with their places: exit code 1', async () => {
  // A word takes 300 ms after a lead of 100: at 16 000 Hz these are the third and the fourth.
  const port = await hubOn(createServer(), (recognizer) =>
    deafBetween(recognizer, 0.7 * 32_000, 1.3 * 32_000),
  );
  const url = `http://127.0.0.1:${port}`;
  const run = await runCli(['smoke', '--words', '6', '--url', url, '--secret', secret, '--json']);
  expect(run.code).toBe(1);
  const { ok, said, words, missing } = resultOf(run);
  const [, , third = '', fourth = ''] = said.split(' ');
  expect({ ok, words }).toEqual({ ok: false, words: { said: 6, stored: 4, seen: 4 } });
  const from = ['stored', 'seen'];
  expect(missing).toMatchObject([
    { word: third, from },
    { word: fourth, from },
  ]);
  // Of a word that is said twice running, either may be the missing one.
  expect(missing.map(({ place }) => said.split(' ')[place - 1])).toEqual([third, fourth]);
  const plain = await runHere(['smoke', '--words', '6', '--url', url, '--secret', secret]);
  expect(plain.stdout).toMatch(/missing: word 3, ".+", was not stored and not seen/);
});

test('a hub that hears nothing is exit code 5, with what was missing until then', async () => {
  const simulator = startCli(['simulator', '--port', '0', '--fault', 'silence', '--json']);
  const { endpoint } = await simulator.event<{ endpoint: string }>('listening');
  const { env } = await serveHub([], { DEEPGRAM_ENDPOINT: endpoint });
  const run = await runHere(['smoke', '--words', '3', '--timeout', '1s', '--json'], { env });
  expect(run.code).toBe(5);
  expect(resultOf(run)).toMatchObject({ ok: false, words: { said: 3, stored: 0, seen: 0 } });
  expect(resultOf(run).missing).toHaveLength(3);
});

test('a refused token is exit code 3, no hub is 4', async () => {
  const { url } = await hubHere();
  const args = ['smoke', '--secret', `other ${secret}`];
  expect(await runHere([...args, '--url', url])).toMatchObject({ code: 3 });
  expect(await runHere([...args, '--connect-timeout', '1s', '--url', nowhere])).toMatchObject({ code: 4 });
});
