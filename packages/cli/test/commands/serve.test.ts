/** `meetcast serve`: its settings, its keys, its log and its end. */
import { readdir, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Publisher } from '@meetcast/client';
import { speak } from '@meetcast/testing';
import { expect, test } from 'vitest';
import { secret, serveHub, token } from '../support/hub.ts';
import { sender } from '../support/meeting.ts';
import { eventsOf, runCli, runHere, startCli, temporaryDirectory } from '../support/run-cli.ts';

// This package has no use for `ws` but here.
const { WebSocket } = createRequire(new URL('../../../client/package.json', import.meta.url))(
  'ws',
) as typeof import('ws');

/** Resolves when the hub has this much audio. */
function received(publisher: Publisher, ms: number): Promise<void> {
  return new Promise((resolve) => {
    publisher.on('ack', ({ receivedMs }) => {
      if (receivedMs >= ms) resolve();
    });
  });
}

test('with --json the first line says where the hub listens, and SIGTERM ends it with 0', async () => {
  const { url, cli } = await serveHub();
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await (await fetch(`${url}/api/v1/ping`)).json()).toEqual({ pong: true });
  cli.signal('SIGTERM');
  const run = await cli.ended;
  expect(eventsOf(run)).toEqual([{ event: 'listening', url }]);
  expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('built-in simulator') });
});

test('SIGTERM drains: what was heard is stored before the process ends', async () => {
  const { url, cli } = await serveHub();
  const publisher = sender(url);
  const finals: string[] = [];
  publisher.on('final', ({ text }) => finals.push(text));
  const ready = received(publisher, 1_600);
  // No silence at the end: only a drain makes these words final.
  await publisher.write(speak('hello thank you all', { sampleRate: 16_000, tailMs: 400 }));
  await ready;
  cli.signal('SIGTERM');
  expect(await cli.ended).toMatchObject({ code: 0 });
  // Its process may be seen to end before what it sent is read.
  await expect.poll(() => finals.join(' ')).toBe('hello thank you all');
  publisher.close();
});

test('a second signal ends at once, with 1', async () => {
  const simulator = startCli(['simulator', '--port', '0', '--fault', 'silence', '--json']);
  const { endpoint } = await simulator.event<{ endpoint: string }>('listening');
  const { url, cli } = await serveHub([], { DEEPGRAM_ENDPOINT: endpoint });
  const publisher = sender(url);
  const ready = received(publisher, 1_000);
  await publisher.write(speak('hello thank you all', { sampleRate: 16_000 }));
  await ready;
  cli.signal('SIGTERM');
  await cli.said(/SIGTERM/);
  cli.signal('SIGTERM');
  expect(await cli.ended).toMatchObject({ code: 1 });
  publisher.close();
});

test('.env is read: its secret opens the hub, unknown names are ignored', async () => {
  const cwd = await temporaryDirectory();
  await writeFile(join(cwd, '.env'), `SECRET_KEY=${secret}\nJWT_AUDIENCE=there\nSOMETHING_ELSE=1\n`);
  const serve = startCli(['serve', '--port', '0', '--json'], { cwd });
  const { url } = await serve.event<{ url: string }>('listening');
  const args = ['transcript', '--meeting', 'm', '--url', url];
  expect(await runCli(args, { cwd })).toMatchObject({ code: 0 });
  // The same secret for another audience.
  expect(await runCli([...args, '--secret', secret])).toMatchObject({ code: 3 });
});

const wrong: ReadonlyArray<readonly [says: string, args: string[], env: Record<string, string>]> = [
  ['INGEST_CHANNELS "two" is not valid', [], { INGEST_CHANNELS: 'two' }],
  ['MAX_INGEST_MSG_BYTES "0" is not valid', [], { MAX_INGEST_MSG_BYTES: '0' }],
  ['SECRET_KEY and JWT_PUBLIC_KEY_PATH', ['--jwt-public-key-path', 'x.pem'], { SECRET_KEY: secret }],
  ['JWT_PUBLIC_KEY_PATH: cannot verify tokens', [], { JWT_PUBLIC_KEY_PATH: 'none.pem' }],
  ['DEEPGRAM_API_KEY is not set', [], { DEEPGRAM_ENDPOINT: 'wss://api.example/v1/listen' }],
  ['REDIS_URL is not valid. Expected an address', [], { REDIS_URL: 'https://u:hunter2@cache' }],
  ['DATABASE_URL is not valid. Expected postgres://', [], { DATABASE_URL: 'mysql://u:hunter2@db/x' }],
  ["'--database-url <address>' argument", ['--database-url', 'file:'], {}],
  ['cannot be used with', ['--memory', '--data', 'kept'], {}],
  ['cannot be used with', ['--memory', '--database-url', 'file:kept'], {}],
  ["'--port <n>' argument 'http' is invalid", ['--port', 'http'], {}],
];

test.each(wrong)('a wrong setting is a usage error: %s', async (says, args, env) => {
  const cwd = await temporaryDirectory();
  const run = await runHere(['serve', '--port', '0', ...args], { cwd, env });
  expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
  expect(run.stderr).not.toContain('hunter2');
  expect(await readdir(cwd)).toEqual([]);
});

test('without a key a secret is made, kept under --data, and its token is ready to use', async () => {
  const cwd = await temporaryDirectory();
  const line = /MEETCAST_URL=(\S+) MEETCAST_TOKEN=(\S+)/;
  const first = startCli(['serve', '--port', '0', '--data', 'kept'], { cwd });
  const [, , made = ''] = await first.said(line);
  expect((await stat(join(cwd, 'kept/secret.key'))).mode & 0o777).toBe(0o600);
  first.signal('SIGINT');
  expect(await first.ended).toMatchObject({ code: 0 });
  const second = startCli(['serve', '--port', '0', '--data', 'kept'], { cwd });
  const [, url = ''] = await second.said(line);
  const run = await runCli(['transcript', '--meeting', 'm'], {
    env: { MEETCAST_URL: url, MEETCAST_TOKEN: made },
  });
  expect(run).toMatchObject({ code: 0 });
});

test('a public key lets in what its private key signed, and nothing else', async () => {
  const cwd = await temporaryDirectory();
  await runHere(['keys', '--out', '.', '--alg', 'EdDSA'], { cwd });
  const serve = startCli(['serve', '--port', '0', '--json', '--jwt-public-key-path', 'public.pem'], { cwd });
  const { url } = await serve.event<{ url: string }>('listening');
  const { stdout } = await runHere(['token', '--key', 'private.pem'], { cwd });
  const args = ['transcript', '--meeting', 'm', '--url', url];
  expect(await runCli([...args, '--token', stdout.trim()])).toMatchObject({ code: 0 });
  expect(await runCli([...args, '--secret', secret])).toMatchObject({ code: 3 });
});

test('a taken port is named, with what to do', async () => {
  const { url } = await serveHub();
  const cwd = await temporaryDirectory();
  const run = await runCli(['serve', '--port', new URL(url).port], { cwd, env: { SECRET_KEY: secret } });
  expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('is already in use') });
  expect(run.stderr).toContain('--port 0');
});

test('the log is JSON for programs, has no tokens, and --quiet has none of it', async () => {
  const [loud, quiet] = await Promise.all([serveHub(), serveHub(['--quiet'])]);
  const shown = await token();
  for (const { url } of [loud, quiet]) {
    const run = await runHere(
      ['send-pcm', '--meeting', 'm', '--create-test-wav', '--url', url, '--speed', '0'],
      {
        env: { MEETCAST_TOKEN: shown },
      },
    );
    expect(run).toMatchObject({ code: 0 });
  }
  await loud.cli.said(/cleanup_complete/);
  const lines = loud.cli.stderr.split('\n').filter((line) => line.startsWith('{'));
  const steps = lines.map((line) => JSON.parse(line) as { step?: string; meeting?: string; time: string });
  expect(steps.map(({ step }) => step)).toEqual(
    expect.arrayContaining(['connected', 'handshake_complete', 'pcm_streaming', 'cleanup_complete']),
  );
  expect(steps[0]).toMatchObject({ meeting: 'dev/m', time: expect.stringMatching(/^\d{4}-.*Z$/) });
  expect(loud.cli.stderr).not.toContain(shown);
  expect(quiet.cli.stderr).not.toContain('pcm_streaming');
});

test('limits and warnings: one viewer too many is told so; a weak secret is named', async () => {
  const { env, cli } = await serveHub([], {
    MAX_WS_CLIENTS_PER_MEETING: '1',
    SECRET_KEY: 'short',
  });
  await cli.said(/SECRET_KEY has 5 bytes/);
  const mine = { ...env, SECRET_KEY: 'short' };
  const viewer = startCli(['subscribe', '--meeting', 'm', '--json'], { env: mine });
  await viewer.event('connection');
  const other = await runHere(['subscribe', '--meeting', 'm', '--connect-timeout', '5s'], { env: mine });
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('MAX_WS_CLIENTS_PER_MEETING') });
});

test('handshakes that name no format get the one of the settings', async () => {
  const { url } = await serveHub(['--ingest-sample-rate', '16000', '--ingest-channels', '2']);
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/ws/ingest/meetings/m`, {
    headers: { authorization: `Bearer ${await token()}` },
  });
  const heard: Array<{ type: string; status?: string; details?: { coverage: unknown } }> = [];
  socket.on('message', (text) => {
    const message = JSON.parse(String(text)) as (typeof heard)[number];
    heard.push(message);
    if (message.type !== 'handshake_ack') return;
    for (const half of [0, 1]) socket.send(Buffer.alloc(32_000, half));
    socket.send(JSON.stringify({ type: 'finalize' }));
  });
  socket.on('open', () => socket.send(JSON.stringify({ type: 'handshake', source: 'mic' })));
  await new Promise((resolve) => socket.on('close', resolve));
  const ended = heard.find(({ status }) => status === 'ended');
  expect(ended?.details?.coverage).toEqual({
    mic: { received_ms: 1_000, forwarded_ms: 1_000, covered_ms: 1_000 },
  });
});

test('behind a proxy connections are counted by the last address of the header it sets', async () => {
  const { url } = await serveHub(['--client-address-header', 'X-Forwarded-For']);
  const authorization = `Bearer ${await token()}`;
  /** The types of the first messages of viewers with these headers. */
  const greetings = async (addresses: readonly string[]) => {
    const greetings: string[] = [];
    for (const address of addresses) {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/ws/meetings/m`, {
        headers: { authorization, 'x-forwarded-for': address },
      });
      const message = await new Promise((resolve) => socket.on('message', resolve));
      greetings.push((JSON.parse(String(message)) as { type: string }).type);
      socket.terminate();
    }
    return greetings;
  };
  const six = [1, 2, 3, 4, 5, 6];
  expect(await greetings(six.map((host) => `10.0.0.1, 10.0.1.${host}`))).toEqual(six.map(() => 'connected'));
  const behindOne = await greetings(six.map((host) => `10.0.2.${host}, 10.0.0.9`));
  expect(behindOne).toEqual([...six.slice(1).map(() => 'connected'), 'error']);
});
