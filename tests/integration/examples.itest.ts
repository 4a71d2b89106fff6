import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { publish, type Subscription, subscribe } from '@meetcast/client';
import { TranscriptPage } from '@meetcast/protocol';
import { startDeepgramSimulator } from '@meetcast/testing';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { start as express } from '../../examples/express/src/server.js';
import { start as fastify } from '../../examples/fastify/src/server.js';
import { start as hono } from '../../examples/hono/src/server.js';
import { start as koa } from '../../examples/koa/src/server.js';
import { start as nodeHttp } from '../../examples/node-http/src/server.js';
import { speech, wordsIn } from '../support/speech.ts';

const examples = [
  { name: 'node-http', start: nodeHttp, notFound: 'nothing here' },
  { name: 'express', start: express, notFound: 'Cannot GET /nowhere' },
  { name: 'koa', start: koa, notFound: 'Not Found' },
  { name: 'fastify', start: fastify, notFound: 'Route GET:/nowhere not found' },
  { name: 'hono', start: hono, notFound: '404 Not Found' },
];

const secret = 'the secret of the examples, long enough';
let token: string;
let simulator: Awaited<ReturnType<typeof startDeepgramSimulator>>;

beforeEach(async () => {
  simulator = await startDeepgramSimulator({ pace: 0 });
  vi.stubEnv('SECRET_KEY', secret);
  vi.stubEnv('DEEPGRAM_API_KEY', 'simulated');
  vi.stubEnv('DEEPGRAM_ENDPOINT', simulator.url);
  token = await new SignJWT({ user_id: 'u-1', tenant_id: 'acme', email: 'u-1@example.com', role: 'member' })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .setAudience('meetcast')
    .setIssuer('meetcast')
    .sign(Buffer.from(secret));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await simulator.close();
});

test.each(examples)(
  '$name: its own routes, and every word from sender to viewer',
  async ({ start, notFound }) => {
    const before = sockets();
    const { url, close } = await start();
    const meeting = { url, meeting: 'standup', token };

    await expect(textOf(`${url}/hello`)).resolves.toEqual({ status: 200, text: 'hello' });
    const nowhere = await textOf(`${url}/nowhere`);
    expect(nowhere.status).toBe(404);
    expect(nowhere.text).toContain(notFound);

    const said = speech(12, 7);
    const viewer = subscribe(meeting);
    const sender = publish({ ...meeting, source: 'mic', sampleRate: 16_000 });
    await sender.write(said.pcm);
    const { lastSeq } = await sender.finalize();
    await hasSeen(viewer, lastSeq);
    expect(wordsIn(viewer.transcript.finals, 'mic')).toEqual(said.words);

    const stored = await fetch(`${url}/api/v1/meetings/standup/transcript`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(TranscriptPage.parse(await stored.json()).segments).toEqual(viewer.transcript.finals);

    // With a viewer still there: the hub tells it to come back, elsewhere.
    await close();
    viewer.close();
    await expect(fetch(`${url}/hello`)).rejects.toThrow();
    await vi.waitFor(() => expect(sockets()).toBeLessThanOrEqual(before), { timeout: 30_000 });
  },
);

test.each(examples)('$name: one command runs it, and a signal ends it', async ({ name }) => {
  const main = fileURLToPath(new URL(`../../examples/${name}/src/main.js`, import.meta.url));
  const running = spawn(process.execPath, [main], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = await once(running.stdout, 'data');
    const url = /^listening on (\S+)\n$/.exec(String(line))?.[1];
    await expect(textOf(`${url}/hello`)).resolves.toEqual({ status: 200, text: 'hello' });
    const exited = once(running, 'exit');
    running.kill('SIGTERM');
    await expect(exited).resolves.toEqual([0, null]);
  } finally {
    running.kill('SIGKILL');
  }
});

describe('express', () => {
  test('what the host says into a meeting reaches its viewers', async () => {
    const { url, close } = await express();
    const viewer = subscribe({ url, meeting: 'standup', token });
    const status = new Promise((resolve) => viewer.on('status', resolve));
    const answer = await fetch(`${url}/meetings/standup/lock`, { method: 'POST' });
    const { seq } = (await answer.json()) as { seq: number };
    await expect(status).resolves.toMatchObject({ seq, status: 'locked' });
    viewer.close();
    await close();
  });
});

describe('two-nodes', () => {
  const services = { REDIS_URL: inject('redisUrl') ?? '', DATABASE_URL: inject('pgUrl') ?? '' };
  const isPossible = Object.values(services).every((url) => url !== '');

  test.skipIf(!isPossible).each(['SIGKILL', 'SIGTERM'] as const)(
    '%s of a node in mid-meeting: its clients move to the other one, and every word is there',
    async (signal) => {
      const { url, processes, ended, end } = await startTwoNodes(services);
      const meeting = { url, meeting: `stand-up-${randomUUID()}`, token };
      // One after another, so that the balancer gives each node two of them, and the sender to the first.
      const viewers: Subscription[] = [];
      const moved = new Set<Subscription>();
      for (let index = 0; index < 4; index += 1) {
        const viewer = subscribe(meeting);
        onTestFinished(() => viewer.close());
        viewers.push(viewer);
        await vi.waitFor(() => expect(viewer.position).toBeDefined(), 60_000);
        viewer.on('connection', ({ status }) => status === 'reconnecting' && moved.add(viewer));
      }
      const said = [speech(20, 7), speech(20, 8)] as const;
      const sender = publish({ ...meeting, source: 'mic', sampleRate: 16_000 });
      onTestFinished(() => sender.close());
      await sender.write(said[0].pcm);
      await Promise.all(viewers.map((viewer) => hasSeen(viewer, 3)));

      process.kill(processes[0], signal);
      await sender.write(said[1].pcm);
      const { lastSeq } = await sender.finalize();
      const how = signal === 'SIGTERM' ? 0 : signal;
      await vi.waitFor(() => expect(ended()).toEqual([`node 1 has ended (${how})`]), 60_000);
      await vi.waitFor(() => expect(moved).toEqual(new Set([viewers[0], viewers[2]])), 60_000);
      await Promise.all(viewers.map((viewer) => hasSeen(viewer, lastSeq)));
      const words = said.flatMap((part) => part.words);
      for (const { transcript } of viewers) expect(wordsIn(transcript.finals, 'mic')).toEqual(words);
      for (const viewer of viewers) viewer.close();
      await end();
    },
    240_000,
  );
});

/** The example as its README says; `end` asks it to stop, and resolves when all of it has ended well. */
async function startTwoNodes(services: Record<string, string>) {
  const main = fileURLToPath(new URL('../../examples/two-nodes/src/main.js', import.meta.url));
  const running = spawn(process.execPath, [main], {
    env: { ...process.env, ...services, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void running.kill('SIGKILL'));
  let lines = '';
  running.stdout.on('data', (text: Buffer) => {
    lines += text;
  });
  const exited = once(running, 'exit');
  const url = await vi.waitFor(() => {
    const found = /^listening on (\S+)$/m.exec(lines)?.[1];
    if (!found) throw new Error(`not listening: ${lines}`);
    return found;
  }, 60_000);
  const processes = [...lines.matchAll(/process (\d+), listens/g)].map(([, id]) => Number(id));
  return {
    url,
    processes: processes as [number, number],
    ended: () => lines.split('\n').filter((line) => line.includes('has ended')),
    async end() {
      running.kill('SIGTERM');
      await expect(exited).resolves.toEqual([0, null]);
    },
  };
}

async function textOf(url: string) {
  const answer = await fetch(url);
  return { status: answer.status, text: await answer.text() };
}

/** Resolves once the viewer has shown the entry. */
async function hasSeen(viewer: Subscription, seq: number): Promise<void> {
  const hasIt = () => (viewer.position?.seq ?? 0) >= seq;
  if (hasIt()) return;
  await new Promise<void>((resolve) => {
    const stop = viewer.on('event', () => {
      if (!hasIt()) return;
      stop();
      resolve();
    });
  });
}

/** Open sockets, and servers that listen, of this process. */
const sockets = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
