import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TranscriptFinal } from '@meetcast/protocol';
import { memoryStore, type Store } from '@meetcast/server';
import { expect, test, vi } from 'vitest';
import { RawSocket } from '../support/raw-socket.ts';
import { mintToken, startHub } from '../support/start-hub.ts';
import { stores } from '../support/stores.ts';

const ref = { tenant: 'acme', id: 'm' };
const exported = (format: string) => `meetings/m/transcript?format=${format}`;

const ffmpeg = '/usr/bin/ffmpeg';
const isFfmpegThere = existsSync(ffmpeg);
if (!isFfmpegThere) {
  if (process.env.CI) throw new Error('ffmpeg is not there (apt-get install ffmpeg), and CI is set');
  process.stderr.write('\n  !! ffmpeg is not there (apt-get install ffmpeg): its tests are SKIPPED\n');
}

/** The cues that another program finds in a file: start, end, words. */
function read(text: string, format: 'srt' | 'webvtt'): string[][] {
  const args = ['-v', 'error', '-f', format, '-i', 'pipe:0', '-f', 'srt', 'pipe:1'];
  const out = execFileSync(ffmpeg, args, { input: text, encoding: 'utf8' });
  const cues = out.replaceAll('\r', '').replaceAll('\u2060', '').trimEnd().split('\n\n');
  return cues.map((cue) => {
    const [, times = '', ...lines] = cue.split('\n');
    return [...times.split(' --> '), lines.join(' ')];
  });
}

const said = [
  ['Ayşe <3', 'Tom & Jerry < Laurel --> Hardy'],
  ['R&D', 'one\n\n2\n00:00:00,000 --> 00:00:01,000\nforged'],
  ['דנה', 'שלום לכולם, נתחיל?'],
  ['0', '会議を始めます。'],
] as const;

test.skipIf(!isFfmpegThere).each(stores)(
  '[REST8] [REST9] what the %s store exports is read by another program, cue by cue',
  async (_name, open) => {
    const stage = await startHub({ store: open() });
    for (const [at, [speaker, text]] of said.entries())
      await stage.hub.meeting(ref).final({ text, speaker, startMs: at * 5_000, endMs: at * 5_000 + 4_000 });
    const words = said.map(([, text]) => text.replace(/\s+/g, ' '));
    const times = ['00:00:00,000', '00:00:05,000', '00:00:10,000', '00:00:15,000'];
    const vtt = read(await (await stage.get(exported('vtt'))).text(), 'webvtt');
    expect(vtt.map(([start, , text]) => [start, text])).toEqual(times.map((time, at) => [time, words[at]]));
    const srt = read(await (await stage.get(exported('srt'))).text(), 'srt');
    expect(srt.map(([start, end]) => [start, end])).toEqual(vtt.map(([start, end]) => [start, end]));
    const names = ['Ayşe <3', 'R&D', 'דנה', 'Speaker 0'];
    expect(srt.map(([, , text]) => text)).toEqual(words.map((text, at) => `${names[at]}: ${text}`));
  },
);

test('[REST8] cues come in the order in which they were said, not in that in which they were finished', async () => {
  const stage = await startHub();
  const meeting = stage.hub.meeting(ref);
  await meeting.final({ text: 'short one', startMs: 4_000, endMs: 5_000, source: 'system' });
  await meeting.final({ text: 'short two', startMs: 8_000, endMs: 9_000, source: 'system' });
  await meeting.final({ text: 'long', startMs: 1_000, endMs: 12_000, source: 'mic' });
  await meeting.final({ text: 'last', startMs: 13_000, endMs: 14_000, source: 'mic' });
  expect(await (await stage.get(exported('txt'))).text()).toBe('long\nshort one\nshort two\nlast\n');
  expect((await stage.transcript('m')).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
});

test('[REST8] a part of a transcript: so many finals after an entry', async () => {
  const stage = await startHub();
  for (let at = 0; at < 5; at += 1)
    await stage.hub.meeting(ref).final({ text: `word ${at}`, startMs: at, endMs: at + 1 });
  expect(await (await stage.get(`${exported('txt')}&after=2&limit=2`)).text()).toBe('word 2\nword 3\n');
});

test('[REST2] the types that programs know the formats by', async () => {
  const stage = await startHub();
  const type = async (format: string) => (await stage.get(exported(format))).headers.get('content-type');
  expect(await Promise.all(['json', 'txt', 'srt', 'vtt'].map(type))).toEqual([
    'application/json; charset=utf-8',
    'text/plain; charset=utf-8',
    'application/x-subrip; charset=utf-8',
    'text/vtt; charset=utf-8',
  ]);
});

/** Ten hours of finals that are made when they are read, and never kept. */
class LongMeeting {
  pages = 0;
  readonly count = 14_400;
  readonly store: Store = memoryStore();
  readonly #text: string;

  constructor(text: string, beforePage: (page: number) => Promise<void> | void = () => {}) {
    this.#text = text;
    this.store.transcript = async (_meeting, after, limit) => {
      this.pages += 1;
      await beforePage(this.pages);
      const length = Math.max(0, Math.min(limit, this.count - after));
      return Array.from({ length }, (_, at) => this.#final(after + at + 1));
    };
  }

  #final(seq: number): TranscriptFinal {
    return {
      type: 'transcript.final',
      seq,
      meeting_id: 'm',
      ts: '2026-03-02T09:00:04.120Z',
      segment_no: seq,
      start_ms: seq * 2_500,
      end_ms: seq * 2_500 + 2_000,
      text: `${seq}: ${this.#text}`,
    };
  }
}

test('[REST8] ten hours are written while they are read: the first words are there long before the last page', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const meeting = new LongMeeting('word', (page) => (page > 5 ? gate : undefined));
  const stage = await startHub({ store: meeting.store });
  const { body } = await stage.get(exported('srt'));
  let text = '';
  const decoder = new TextDecoder();
  const reader = body?.getReader();
  for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) {
    text += decoder.decode(piece.value, { stream: true });
    if (text.includes('1000: word')) open();
  }
  expect(text.match(/ --> /g)?.length).toBe(meeting.count);
  expect(text.trimEnd().split('\n\n').at(-1)).toBe('14400\n10:00:00,000 --> 10:00:02,000\n14400: word');
});

test('[REST8] a reader who does not read makes the hub read no further', async () => {
  const meeting = new LongMeeting('word '.repeat(1_000));
  const stage = await startHub({ store: meeting.store });
  const socket = new RawSocket(stage.port);
  socket.socket.pause();
  const auth = `authorization: Bearer ${await mintToken()}`;
  socket.send(`GET /api/v1/${exported('txt')} HTTP/1.1\r\nhost: hub\r\n${auth}\r\n\r\n`);
  let before = -1;
  await vi.waitFor(
    () => {
      const now = meeting.pages;
      const isStill = now > 0 && now === before;
      before = now;
      expect(isStill).toBe(true);
    },
    { interval: 150, timeout: 10_000 },
  );
  expect(meeting.pages).toBeLessThan(15);
  socket.vanish('rst');
  await socket.ended;
  await stage.get('ping');
  expect(meeting.pages).toBeLessThan(16);
  expect(stage.observed.filter(({ type }) => type === 'error')).toEqual([]);
});

test('[REST8] through fetch a page is read when it is asked for', async () => {
  const meeting = new LongMeeting('word');
  const stage = await startHub({ store: meeting.store });
  const headers = { authorization: `Bearer ${await mintToken()}` };
  const answer = await stage.hub.fetch(new Request(`http://hub/api/v1/${exported('vtt')}`, { headers }));
  const reader = answer?.body?.getReader();
  const first = await reader?.read();
  expect([Buffer.from(first?.value ?? []).toString(), meeting.pages]).toEqual(['WEBVTT\n\n', 0]);
  await reader?.read();
  expect(meeting.pages).toBe(2);
  await reader?.cancel();
  expect(meeting.pages).toBe(2);
});

test('[REST8] an export that breaks off does not look whole, and the hub says why', async () => {
  const meeting = new LongMeeting('word', (page) => {
    if (page > 4) throw new Error('the disk is gone');
  });
  const stage = await startHub({ store: meeting.store });
  const answer = await stage.get(exported('vtt'));
  await expect(answer.text()).rejects.toThrow();
  expect(stage.observed).toContainEqual(expect.objectContaining({ type: 'error', stage: 'store' }));
});
