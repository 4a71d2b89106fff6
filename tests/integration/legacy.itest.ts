import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TranscriptFinal } from '@meetcast/protocol';
import { describe, expect, onTestFinished, test } from 'vitest';
import { expectWords, speech, wordsIn } from '../support/speech.ts';
import { mintToken, type Stage, startHub } from '../support/start-hub.ts';

const python = '/usr/bin/python3';
const client = fileURLToPath(new URL('../python/legacy_client.py', import.meta.url));
const isThere = spawnSync(python, ['-c', 'import websockets']).status === 0;

if (!isThere && process.env.CI)
  throw new Error('CI needs python3-websockets: apt-get install python3-websockets');
if (!isThere)
  console.error('SKIPPED: clients of the older systems are not tested, for python3-websockets is absent');

interface Line {
  text?: string;
  closed?: number;
}

type Heard = { type: string } & Partial<Omit<TranscriptFinal, 'type'>>;

/** Runs the old client, and resolves with what it printed when it has ended by itself. */
function run(...args: string[]): {
  first: Promise<void>;
  ended: Promise<{ heard: Heard[]; pongs: number; closed: number }>;
} {
  const process = spawn(python, [client, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void process.kill());
  let output = '';
  let problems = '';
  process.stderr.on('data', (chunk) => {
    problems += chunk;
  });
  const first = new Promise<void>((resolve) => process.stdout.once('data', () => resolve()));
  process.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const ended = new Promise<number | null>((resolve) => process.on('close', resolve)).then((code) => {
    expect({ code, problems }).toEqual({ code: 0, problems: '' });
    const lines = output
      .trim()
      .split('\n')
      .map((line): Line => JSON.parse(line));
    const texts = lines.flatMap(({ text }) => (text === undefined ? [] : [text]));
    return {
      heard: texts.filter((text) => text !== 'pong').map((text): Heard => JSON.parse(text)),
      pongs: texts.filter((text) => text === 'pong').length,
      closed: lines.at(-1)?.closed ?? 0,
    };
  });
  return { first, ended };
}

const finalsIn = (heard: Heard[]) =>
  heard.filter((event): event is TranscriptFinal => event.type === 'transcript.final');

async function pcmFile(pcm: Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meetcast-legacy-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'speech.pcm');
  await writeFile(file, pcm);
  return file;
}

const addressOf = async ({ port }: Stage, path: string) =>
  `ws://127.0.0.1:${port}${path}?token=${await mintToken()}`;

describe.skipIf(!isThere)('clients of the older systems work unchanged', () => {
  test.each([
    { called: 'mic', source: 'mic' },
    { called: 'sys', source: 'system' },
  ] as const)(
    '[ADDR3, WIRE4] a sender calls its source $called and writes nulls for what it leaves out',
    async ({ called, source }) => {
      const stage = await startHub({ limits: {} });
      const { words, pcm } = speech(14, 31);
      const address = await addressOf(stage, '/api/v1/ws/ingest/meetings/m');
      const { heard, closed } = await run('send', address, called, '16000', await pcmFile(pcm), '8').ended;
      expect(closed).toBe(1000);
      expect(heard[0]).toMatchObject({ type: 'handshake_ack', status: 'success', resume_from_ms: 0 });
      expect(wordsIn(finalsIn(heard), source)).toEqual(words);
      expect(heard.some(({ type }) => type === 'transcript.partial')).toBe(true);
      expect(heard.at(-1)).toMatchObject({ type: 'status', status: 'ended' });
      await expectWords(stage, { [source]: words });
    },
  );

  test('[ADDR2, WIRE5] viewers at every alias address say ping as bare text and read JSON', async () => {
    const stage = await startHub();
    const aliases = ['/api/v1/ws/meetings/m', '/api/v1/ws/transcript/m', '/ws/meeting/m'];
    const addresses = await Promise.all(aliases.map((path) => addressOf(stage, path)));
    const viewers = addresses.map((address) => run('watch', address, '0.2'));
    await Promise.all(viewers.map(({ first }) => first));
    const { words, pcm } = speech(14, 32);
    const address = await addressOf(stage, '/api/v1/ws/ingest/meetings/m');
    const sender = run('send', address, 'mic', '16000', await pcmFile(pcm), '8');
    for (const { heard, pongs, closed } of await Promise.all(viewers.map(({ ended }) => ended))) {
      expect(heard[0]).toMatchObject({ type: 'connected', meeting_id: 'm', recovered: null });
      expect(wordsIn(finalsIn(heard), 'mic')).toEqual(words);
      expect(pongs).toBeGreaterThanOrEqual(2);
      expect(closed).toBe(1000);
    }
    expect((await sender.ended).closed).toBe(1000);
    await expectWords(stage, { mic: words });
  });

  test('frames of 4,096 bytes every 100 ms, as they were always sent', async () => {
    const stage = await startHub({ limits: {}, simulator: { pace: 1.25 } });
    const { words, pcm } = speech(5, 33);
    const address = await addressOf(stage, '/api/v1/ws/ingest/meetings/m');
    const { heard, closed } = await run('send', address, 'mic', '16000', await pcmFile(pcm), '1').ended;
    expect(closed).toBe(1000);
    expect(wordsIn(finalsIn(heard), 'mic')).toEqual(words);
    const acks = heard.filter(({ type }) => type === 'ack');
    expect(acks.length).toBeGreaterThanOrEqual(2);
  });
});
