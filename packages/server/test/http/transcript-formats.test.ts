import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TranscriptFinal } from '@meetcast/protocol';
import { describe, expect, test } from 'vitest';
import { textFormats } from '../../src/http/transcript-formats.ts';
import { finalEvent } from '../support/entries.ts';

type Format = keyof typeof textFormats;

const said = (text: string, changes: Partial<TranscriptFinal> = {}) =>
  finalEvent(1, 1, { text, start_ms: 1_500, end_ms: 2_250, ...changes });

function written(format: Format, ...finals: TranscriptFinal[]): string {
  const { head, writer } = textFormats[format];
  return head + finals.map(writer()).join('');
}

/** The lines of each cue, without its number and its times. */
const cueLines = (text: string) =>
  text
    .trimEnd()
    .split('\n\n')
    .map((cue) => cue.split('\n').slice(2));

test('[REST8] a segment in each format', () => {
  const final = said('Günaydın, başlayalım mı?', { speaker: '0' });
  expect(written('txt', final)).toBe('Speaker 0: Günaydın, başlayalım mı?\n');
  expect(written('srt', final)).toBe(
    '1\n00:00:01,500 --> 00:00:02,250\nSpeaker 0: Günaydın, başlayalım mı?\n\n',
  );
  expect(written('vtt', final)).toBe(
    'WEBVTT\n\n1\n00:00:01.500 --> 00:00:02.250\n<v Speaker 0>Günaydın, başlayalım mı?\n\n',
  );
});

test('[REST9] a named speaker keeps the name, none is no label', () => {
  expect(written('txt', said('hi', { speaker: 'Ayşe' }))).toBe('Ayşe: hi\n');
  expect(written('txt', said('hi'))).toBe('hi\n');
  expect(written('vtt', said('hi', { speaker: ' \n ' }))).toContain('\nhi\n\n');
});

test('[REST9] cues are numbered through all segments, and a segment without a word is none', () => {
  const text = written('srt', said('one'), said(' \n\u2028 '), said('two '.repeat(40)), said('three'));
  const numbers = text.match(/^\d+$/gm);
  expect(numbers).toEqual(['1', '2', '3', '4']);
  expect(written('txt', said('\n'))).toBe('');
});

test('[REST9] WebVTT escapes what would be markup, in text and names, and loses nothing', () => {
  const cue = written('vtt', said('a & b <i> c --> d &lt;', { speaker: 'R&D <b>' }));
  expect(cue).toContain('<v R&#38;D &#60;b&#62;>a &amp; b &lt;i&gt; c --&gt; d &amp;lt;\n');
});

test('[REST9] SubRip breaks what players take for markup, and nothing else', () => {
  const text = (words: string) => cueLines(written('srt', said(words)))[0]?.join(' ');
  expect(text('a < b, {c} & d > e -- f -> g')).toBe('a < b, {c} & d > e -- f -> g');
  expect(text('<i>x</i> --> {\\an8}y {Y:i}z ---->')).toBe(
    '<\u2060i>x<\u2060/i> -\u2060-> {\u2060\\an8}y {\u2060Y:i}z ---\u2060->',
  );
});

test('[REST9] no text and no name can end a cue early or begin another', () => {
  const hostile = [
    'a\n\nb',
    'a\r\n\r\n2\r\n00:00:00,000 --> 00:00:09,000\r\nforged',
    'x --> y',
    '---> \u2028\u2029 -->-->',
    'a \u0085\u000b\u000c\u0000 b',
  ];
  for (const text of hostile) {
    for (const format of ['srt', 'vtt'] as const) {
      const cues = written(format, said(text, { speaker: text })).slice(textFormats[format].head.length);
      const lines = cues.trimEnd().split('\n\n');
      for (const cue of lines) {
        expect(cue.match(/-->/g)).toHaveLength(1);
        expect(cue).toMatch(/^\d+\n[\d:,. >-]+\n[^\n]+(\n[^\n]+)?$/);
        expect(cue.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
      }
    }
    expect(written('txt', said(text)).match(/\n/g)).toHaveLength(1);
  }
});

test('[REST9] right-to-left and unbroken scripts come through as they are', () => {
  const texts = [
    'שלום \u200fעולם\u200e',
    'مرحبا بالعالم',
    'สวัสดีชาวโลก',
    '会議を\u3000始めます。',
    'e\u0301 😀\u00a0!',
  ];
  for (const text of texts) {
    for (const format of ['txt', 'srt', 'vtt'] as const) expect(written(format, said(text))).toContain(text);
  }
});

describe('[REST9] lines of at most 42 columns, two in a cue', () => {
  const columns = (line: string) =>
    [...new Intl.Segmenter().segment(line)].reduce(
      (sum, { segment }) => sum + (/[\p{Script=Han}\p{Script=Hiragana}😀。、]/u.test(segment) ? 2 : 1),
      0,
    );
  const words = Array.from({ length: 40 }, (_, index) => `word${index}`).join(' ');
  const texts: [name: string, text: string][] = [
    ['words', words],
    ['Chinese', '今天的会议我们要讨论三个问题，第一个是预算，第二个是人员，第三个是时间表。'.repeat(4)],
    ['Japanese', 'それでは会議を始めます。最初の議題は来月の予定です。'.repeat(5)],
    ['Thai', 'วันนี้เราจะประชุมเรื่องงบประมาณและกำหนดการของโครงการใหม่'.repeat(4)],
    ['a word longer than a line', `a ${'x'.repeat(100)} b`],
    ['emoji of several code points', '👩‍👩‍👧‍👦'.repeat(70)],
    ['Hebrew', 'בואו נתחיל את הישיבה עכשיו כי אין לנו הרבה זמן '.repeat(5).trim()],
  ];

  test.each(texts)('%s', (_name, text) => {
    const cues = cueLines(written('srt', said(text, { start_ms: 0, end_ms: 60_000 })));
    expect(cues.length).toBeGreaterThan(1);
    for (const lines of cues) expect(lines.length).toBeLessThanOrEqual(2);
    for (const line of cues.flat()) expect(columns(line)).toBeLessThanOrEqual(42);
    // Nothing is lost, and nothing is broken inside a character.
    expect(cues.flat().join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
    const graphemes = (of: string) => [...new Intl.Segmenter().segment(of)].length;
    expect(graphemes(cues.flat().join(''))).toBe(graphemes(cues.flat().join('\n')) - cues.flat().length + 1);
  });

  test('a line is broken between words, and a full stop stays with its sentence', () => {
    const lines = cueLines(written('vtt', said(words, { end_ms: 60_000 })).slice(8)).flat();
    expect(lines.join(' ')).toBe(words);
    const japanese = cueLines(written('srt', said(texts[2]?.[1] ?? '', { end_ms: 60_000 }))).flat();
    for (const line of japanese) expect(line).not.toMatch(/^[。、]/);
  });
});

describe('[REST9] the times of a segment that is several cues', () => {
  const spans = (final: TranscriptFinal) =>
    [...written('srt', final).matchAll(/:(\d\d),(\d{3}) --> \d\d:\d\d:(\d\d),(\d{3})/g)].map(
      ([, s, ms, s2, ms2]) => [Number(s) * 1000 + Number(ms), Number(s2) * 1000 + Number(ms2)] as const,
    );
  const long = Array.from({ length: 60 }, (_, index) => `word${index}`).join(' ');

  test('share its time by length, without a hole', () => {
    const times = spans(said(long, { start_ms: 1_000, end_ms: 31_000 }));
    expect(times[0]?.[0]).toBe(1_000);
    expect(times.at(-1)?.[1]).toBe(31_000);
    for (const [at, [start, end]] of times.entries()) {
      expect(end).toBeGreaterThan(start);
      if (at > 0) expect(start).toBe(times[at - 1]?.[1]);
      if (at < times.length - 1) expect(Math.abs(end - start - 30_000 / times.length)).toBeLessThan(1_000);
    }
  });

  test('grow even where there is no time to share', () => {
    for (const end_ms of [1_000, 1_002, 400]) {
      const times = spans(said(long, { start_ms: 1_000, end_ms }));
      for (const [at, [start, end]] of times.entries()) {
        expect(end).toBeGreaterThan(start);
        if (at > 0) expect(start).toBe(times[at - 1]?.[1]);
      }
    }
  });
});

test('[REST9] times past an hour, past a day and past a hundred hours keep counting', () => {
  const at = (ms: number) =>
    written('vtt', said('x', { start_ms: ms, end_ms: ms + 1 }))
      .split('\n')[3]
      ?.slice(0, -17);
  expect(at(3_599_999)).toBe('00:59:59.999');
  expect(at(3_600_000)).toBe('01:00:00.000');
  expect(at(90_061_001)).toBe('25:01:01.001');
  const long = written('vtt', said('x', { start_ms: 360_000_000, end_ms: 360_000_001 }));
  expect(long).toContain('100:00:00.000 --> 100:00:00.001');
});

test('[REST9] every millisecond is written as it is, fractions rounded', () => {
  const clock = (ms: number) => {
    const part = (value: number, digits: number) => String(value).padStart(digits, '0');
    const whole = Math.round(ms);
    const seconds = Math.floor(whole / 1000);
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    return `${part(hours, 2)}:${part(minutes, 2)}:${part(seconds % 60, 2)}.${part(whole % 1000, 3)}`;
  };
  for (let step = 0; step < 20_000; step += 1) {
    const ms = step * 977.3;
    const line = written('vtt', said('x', { start_ms: ms, end_ms: ms + 500 })).split('\n')[3];
    expect(line).toBe(`${clock(ms)} --> ${clock(ms + 500)}`);
  }
});

/** What another program reads out of a file, as WebVTT or SubRip of its own making. */
const ffmpeg = '/usr/bin/ffmpeg';
const isFfmpegThere = existsSync(ffmpeg);
if (!isFfmpegThere) {
  if (process.env.CI) throw new Error('ffmpeg is not there (apt-get install ffmpeg), and CI is set');
  process.stderr.write('\n  !! ffmpeg is not there (apt-get install ffmpeg): its tests are SKIPPED\n');
}

function read(text: string, format: 'srt' | 'webvtt'): { times: string; text: string }[] {
  const args = ['-v', 'error', '-f', format, '-i', 'pipe:0', '-f', 'srt', 'pipe:1'];
  const out = execFileSync(ffmpeg, args, { input: text, encoding: 'utf8' });
  return out
    .replaceAll('\r', '')
    .trimEnd()
    .split('\n\n')
    .map((cue) => {
      const lines = cue.split('\n');
      const at = lines.findIndex((line) => line.includes(' --> '));
      return { times: lines[at] ?? '', text: lines.slice(at + 1).join('\n') };
    });
}

const awkward = [
  'Tom & Jerry, AT&T; &amp; &lt;',
  'if a < b and <i>c</i> > d </b> <script>x</script>',
  '00:00:00,000 --> 00:00:09,000 and so on --> there',
  'a line\n\nand one after a blank one\r\n\r\n7',
  'שלום לכולם, נתחיל?',
  'مرحبا بالجميع <هنا>',
  '会議を始めます。最初の議題は来月の予定です。それから予算です。最後に質問を受けます。よろしいですか。',
  '{\\an8}top {Y:i} 42',
  '42',
].map((text, at) =>
  said(text, { start_ms: 3_590_000 + at * 4_000, end_ms: 3_590_000 + at * 4_000 + 3_500, speaker: '1' }),
);

test.skipIf(!isFfmpegThere)(
  '[REST9] another program reads every cue, its times and its words: SubRip',
  () => {
    const cues = read(written('srt', ...awkward), 'srt');
    const expected = written('srt', ...awkward)
      .trimEnd()
      .split('\n\n')
      .map((cue) => ({ times: cue.split('\n')[1], text: cue.split('\n').slice(2).join('\n') }));
    expect(cues).toEqual(expected);
    const spoken = cues.map(({ text }) => text.replaceAll('\u2060', '')).join('\n');
    for (const words of [
      'AT&T; &amp; &lt;',
      '<i>c</i> > d',
      '<script>x</script>',
      '{\\an8}top {Y:i} 42',
      'שלום לכולם',
    ])
      expect(spoken).toContain(words);
  },
);

test.skipIf(!isFfmpegThere)(
  '[REST9] another program reads every cue, its times and its words: WebVTT',
  () => {
    // Braces are plain text in WebVTT, but on the way to SubRip this reader takes them for its own markup.
    const finals = awkward.filter(({ text }) => !text.includes('{'));
    const expected = written('vtt', ...finals)
      .slice('WEBVTT\n\n'.length)
      .trimEnd()
      .split('\n\n')
      .map((cue) => ({ times: cue.split('\n')[1]?.replaceAll('.', ','), text: shown(cue) }));
    expect(read(written('vtt', ...finals), 'webvtt')).toEqual(expected);
    for (const { text } of finals) {
      const words = text.replace(/\s+/g, '');
      expect(expected.map((cue) => cue.text.replace(/\s+/g, '')).join('')).toContain(words);
    }
  },
);

const shown = (cue: string) =>
  cue
    .split('\n')
    .slice(2)
    .join('\n')
    .replace(/<v [^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
