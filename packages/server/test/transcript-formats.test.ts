import { expect, test } from 'vitest';
import { textFormats } from '../src/transcript-formats.ts';
import { finalEvent } from './support/entries.ts';

const { txt, srt, vtt } = textFormats;
const said = (text: string, changes = {}) =>
  finalEvent(1, 1, { text, start_ms: 1_500, end_ms: 2_250, ...changes });

test('[FORMAT1] a segment in each format', () => {
  const final = said('Günaydın, başlayalım mı?', { speaker: '0' });
  expect(txt.segment(final, 1)).toBe('Speaker 0: Günaydın, başlayalım mı?\n');
  expect(srt.segment(final, 1)).toBe(
    '1\n00:00:01,500 --> 00:00:02,250\nSpeaker 0: Günaydın, başlayalım mı?\n\n',
  );
  expect(vtt.head).toBe('WEBVTT\n\n');
  expect(vtt.segment(final, 12)).toBe(
    '12\n00:00:01.500 --> 00:00:02.250\n<v Speaker 0>Günaydın, başlayalım mı?\n\n',
  );
});

test('[FORMAT2] a named speaker keeps the name, none is no label', () => {
  expect(txt.segment(said('hi', { speaker: 'Ayşe' }), 1)).toBe('Ayşe: hi\n');
  expect(txt.segment(said('hi'), 1)).toBe('hi\n');
  expect(vtt.segment(said('hi'), 1)).toContain('\nhi\n\n');
});

test('[FORMAT3] WebVTT escapes what would be markup, in text and names', () => {
  const cue = vtt.segment(said('a & b <script> c > d &lt;', { speaker: 'R&D <b>' }), 1);
  expect(cue).toContain('<v R&amp;D &lt;b&gt;>a &amp; b &lt;script&gt; c &gt; d &amp;lt;');
});

test('[FORMAT4] no text can end a cue early or begin another', () => {
  const hostile = [
    'a\n\nb',
    'a\r\n\r\n2\r\n00:00:00,000 --> 00:00:09,000\r\nforged',
    'x --> y',
    '---> \u2028\u2029 -->-->',
    '  \n \n  ',
    '\u0085\u000b\u000c',
  ];
  for (const text of hostile) {
    for (const format of [srt, vtt]) {
      const cue = format.segment(said(text, { speaker: text }), 1);
      expect(cue.match(/-->/g)).toHaveLength(1);
      expect(cue.endsWith('\n\n')).toBe(true);
      expect(cue.slice(0, -2)).not.toMatch(/\n\s*\n|\r/);
    }
    expect(txt.segment(said(text), 1).match(/\n/g)).toHaveLength(1);
  }
});

test('[FORMAT5] right-to-left and unbroken scripts come through as they are', () => {
  for (const text of ['שלום עולם', 'مرحبا بالعالم', 'สวัสดีชาวโลก', '会議を始めます', 'e\u0301 😀']) {
    for (const format of Object.values(textFormats)) expect(format.segment(said(text), 1)).toContain(text);
  }
});

test('[FORMAT6] long text is broken between words, and no word is lost', () => {
  const words = Array.from({ length: 40 }, (_, index) => `word${index}`);
  const lines = srt
    .segment(said(words.join(' ')), 1)
    .trimEnd()
    .split('\n')
    .slice(2);
  expect(lines.join(' ').split(' ')).toEqual(words);
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(42);
  const [half, rest] = ['x'.repeat(21), 'x'.repeat(20)];
  expect(srt.segment(said(`${half} ${rest}`), 1)).toContain(`\n${half} ${rest}\n`);
  expect(srt.segment(said(`${half} ${half}`), 1)).toContain(`\n${half}\n${half}\n`);
  const unbreakable = 'x'.repeat(100);
  expect(srt.segment(said(`a ${unbreakable} b`), 1)).toContain(`\na\n${unbreakable}\nb\n`);
});

test('[FORMAT7] times past an hour, past a day and past a hundred hours keep counting', () => {
  const at = (ms: number) =>
    vtt
      .segment(said('x', { start_ms: ms, end_ms: ms + 1 }), 1)
      .split('\n')[1]
      ?.slice(0, -17);
  expect(at(3_599_999)).toBe('00:59:59.999');
  expect(at(3_600_000)).toBe('01:00:00.000');
  expect(at(90_061_001)).toBe('25:01:01.001');
  const long = vtt.segment(said('x', { start_ms: 360_000_000, end_ms: 360_000_001 }), 1);
  expect(long).toContain('100:00:00.000 --> 100:00:00.001');
});

test('[FORMAT8] every millisecond is written as it is, fractions rounded', () => {
  const clock = (ms: number) => {
    const part = (value: number, digits: number) => String(value).padStart(digits, '0');
    const whole = Math.round(ms);
    const seconds = Math.floor(whole / 1000);
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    return `${part(hours, 2)}:${part(minutes, 2)}:${part(seconds % 60, 2)}.${part(whole % 1000, 3)}`;
  };
  for (let step = 0; step < 20_000; step += 1) {
    const ms = step * 977.3;
    const line = vtt.segment(said('x', { start_ms: ms, end_ms: ms + 500 }), 1).split('\n')[1];
    expect(line).toBe(`${clock(ms)} --> ${clock(ms + 500)}`);
  }
});

test('[FORMAT9] a segment without a length still has one to be shown for', () => {
  expect(srt.segment(said('x', { start_ms: 1_000, end_ms: 1_000 }), 1)).toContain(
    '00:00:01,000 --> 00:00:01,001',
  );
  expect(srt.segment(said('x', { start_ms: 1_000, end_ms: 400 }), 1)).toContain(
    '00:00:01,000 --> 00:00:01,001',
  );
});
