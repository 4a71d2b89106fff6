/** Finals as plain text, SubRip and WebVTT, one piece at a time. Pure. */
import type { TranscriptFinal } from '@meetcast/protocol';

export const transcriptFormats = ['json', 'txt', 'srt', 'vtt'] as const;
export type TranscriptFormat = (typeof transcriptFormats)[number];

/** How a transcript is written down in one format. */
export interface TextFormat {
  readonly contentType: string;
  readonly head: string;
  /** `number` counts 1, 2, 3 … */
  segment(final: TranscriptFinal, number: number): string;
}

export const textFormats: Readonly<Record<Exclude<TranscriptFormat, 'json'>, TextFormat>> = {
  txt: {
    contentType: 'text/plain; charset=utf-8',
    head: '',
    segment: (final) => `${labelled(final, oneLine(final.text))}\n`,
  },
  srt: {
    contentType: 'application/x-subrip; charset=utf-8',
    head: '',
    segment: (final, number) => `${number}\n${span(final, ',')}\n${labelled(final, cueText(final.text))}\n\n`,
  },
  vtt: {
    contentType: 'text/vtt; charset=utf-8',
    head: 'WEBVTT\n\n',
    segment: (final, number) =>
      `${number}\n${span(final, '.')}\n${voice(final)}${escapeVtt(cueText(final.text))}\n\n`,
  },
};

/** Characters of a line that subtitles keep to. */
const lineLength = 42;

const span = (final: TranscriptFinal, mark: string) =>
  `${clock(final.start_ms, mark)} --> ${clock(Math.max(final.end_ms, final.start_ms + 1), mark)}`;

function clock(ms: number, mark: string): string {
  const whole = Math.round(ms);
  const part = (value: number, digits: number) => String(Math.floor(value)).padStart(digits, '0');
  const seconds = whole / 1000;
  return `${part(seconds / 3600, 2)}:${part((seconds / 60) % 60, 2)}:${part(seconds % 60, 2)}${mark}${part(whole % 1000, 3)}`;
}

/** A blank line would end a cue, and so would an arrow in SubRip readers that look for one. */
const oneLine = (text: string) => text.replace(/\s+/g, ' ').replaceAll('-->', '→').trim();

function cueText(text: string): string {
  const lines: string[] = [];
  for (const word of oneLine(text).split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= lineLength)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}

const speakerOf = (final: TranscriptFinal) =>
  final.speaker === undefined ? undefined : oneLine(final.speaker);

function labelled(final: TranscriptFinal, text: string): string {
  const speaker = speakerOf(final);
  return speaker ? `${isNumber(speaker) ? `Speaker ${speaker}` : speaker}: ${text}` : text;
}

function voice(final: TranscriptFinal): string {
  const speaker = speakerOf(final);
  return speaker ? `<v ${escapeVtt(isNumber(speaker) ? `Speaker ${speaker}` : speaker)}>` : '';
}

const isNumber = (text: string) => /^\d+$/.test(text);

const escapeVtt = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
