/** `meetcast transcript`: every format, every page, and the answers that are none. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { TranscriptPage } from '@meetcast/protocol';
import { expect, onTestFinished, test } from 'vitest';
import { hubHere, nowhere, secret } from '../support/hub.ts';
import { eventsOf, runCli, runHere, temporaryDirectory } from '../support/run-cli.ts';

const transcript = ['transcript', '--meeting', 'm'];

test('text, subtitles and JSON, on stdout or in a file', async () => {
  const cwd = await temporaryDirectory();
  const { env } = await hubHere();
  await runHere(['wav', '--out', 'a.wav', '--text', 'hello thank you'], { cwd });
  await runHere(['send-pcm', '--meeting', 'm', '--wav', 'a.wav', '--speed', '0'], { cwd, env });
  const stdoutOf = async (...args: string[]) => {
    const run = await runCli([...transcript, ...args], { cwd, env });
    expect(run.code).toBe(0);
    return run.stdout;
  };
  const text = 'Speaker 0: hello thank you\n';
  expect(await stdoutOf()).toBe(text);
  expect(await stdoutOf('--format', 'srt')).toMatch(
    /^1\n00:00:00,1.* --> .*\nSpeaker 0: hello thank you\n\n$/,
  );
  expect(await stdoutOf('--format', 'vtt')).toMatch(/^WEBVTT\n/);
  const document = TranscriptPage.parse(JSON.parse(await stdoutOf('--format', 'json')));
  expect(document).toMatchObject({ meeting_id: 'm', next: null, segments: [{ text: 'hello thank you' }] });
  expect(eventsOf({ stdout: await stdoutOf('--json') })).toMatchObject([
    { event: 'transcript.final', text: 'hello thank you' },
  ]);
  expect(eventsOf({ stdout: await stdoutOf('--json', '--format', 'txt', '--out', 'a.txt') })).toEqual([
    { event: 'transcript', meeting: 'm', format: 'txt', file: 'a.txt' },
  ]);
  expect(await readFile(join(cwd, 'a.txt'), 'utf8')).toBe(text);
});

/** A server that gives these answers, one after the other. */
async function answering(...answers: Array<{ status?: number; body: unknown }>) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { status = 200, body } = answers[asked.length] ?? { status: 500, body: {} };
    asked.push(request.url ?? '');
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const page = (seqs: number[], next: number | null, epoch = 'e') => ({
  meeting_id: 'm',
  epoch,
  seq: 9,
  next,
  segments: seqs.map((seq) => ({
    type: 'transcript.final',
    seq,
    meeting_id: 'm',
    ts: '2026-01-01T00:00:00.000Z',
    segment_no: seq,
    start_ms: 0,
    end_ms: 1,
    text: `word ${seq}`,
  })),
});

const run = (url: string, ...args: string[]) =>
  runCli([...transcript, '--url', url, '--secret', secret, ...args]);

test('all pages become one document', async () => {
  const { asked, url } = await answering({ body: page([2, 4], 4) }, { body: page([7], null) });
  const { code, stdout } = await run(url, '--format', 'json');
  expect(code).toBe(0);
  const document = TranscriptPage.parse(JSON.parse(stdout));
  expect(document.segments.map(({ seq }) => seq)).toEqual([2, 4, 7]);
  expect(document.next).toBeNull();
  expect(asked.map((path) => new URL(path, url).searchParams.get('after'))).toEqual(['0', '4']);
});

const failed = (url: string, ...args: string[]) =>
  runHere([...transcript, '--url', url, '--secret', secret, ...args]);

test('a log that was restarted in between is no document', async () => {
  const { url } = await answering({ body: page([2], 2) }, { body: page([3], null, 'other') });
  expect(await failed(url, '--json')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('restarted'),
  });
});

test('what is no transcript is said, with the exit code for its kind', async () => {
  const problem = (code: string, status: number, detail: string) => ({
    status,
    body: { type: 'about:blank', title: 'T', status, code, detail },
  });
  const of = async (answer: { status?: number; body: unknown }) => {
    const { url } = await answering(answer);
    return failed(url, '--format', 'json');
  };
  expect(await of(problem('forbidden', 403, 'not your meeting'))).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('not your meeting'),
  });
  expect(await of(problem('internal_error', 500, 'try again'))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('try again'),
  });
  expect(await of({ body: '<html>' })).toMatchObject({ code: 1, stderr: expect.stringContaining('--url') });
  expect(await failed(nowhere)).toMatchObject({ code: 4, stderr: expect.stringContaining('ECONNREFUSED') });
});

test('wrong flags are a usage error', async () => {
  expect(await failed(nowhere, '--format', 'doc')).toMatchObject({ code: 2 });
  expect(await failed(nowhere, '--json', '--format', 'srt')).toMatchObject({ code: 2 });
  expect(await failed(nowhere, '--meeting', '..')).toMatchObject({ code: 2 });
});
