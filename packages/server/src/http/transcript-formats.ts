/** Finals as plain text, SubRip and WebVTT, one at a time. Pure. */
import type { TranscriptFinal } from '@meetcast/protocol';
import { type Cue, cuesOf } from './cues.ts';

export const transcriptFormats = ['json', 'txt', 'srt', 'vtt'] as const;
export type TranscriptFormat = (typeof transcriptFormats)[number];

/** How a transcript is written down in one format. */
export interface TextFormat {
  readonly contentType: string;
  readonly head: string;
  /** Begins a transcript: the function writes its finals, in order. */
  writer(): (final: TranscriptFinal) => string;
}

export const textFormats: Readonly<Record<Exclude<TranscriptFormat, 'json'>, TextFormat>> = {
  txt: {
    contentType: 'text/plain; charset=utf-8',
    head: '',
    writer: () => (final) => {
      const text = oneLine(final.text);
      return text === '' ? '' : `${label(final)}${text}\n`;
    },
  },
  srt: {
    contentType: 'application/x-subrip; charset=utf-8',
    head: '',
    writer: () =>
      cueWriter(label, (number, { startMs, endMs, lines }) => {
        const span = `${clock(startMs, ',')} --> ${clock(endMs, ',')}`;
        return `${number}\n${span}\n${withoutMarkup(lines.join('\n'))}\n\n`;
      }),
  },
  vtt: {
    contentType: 'text/vtt; charset=utf-8',
    head: 'WEBVTT\n\n',
    writer: () =>
      cueWriter(noLabel, (number, { startMs, endMs, lines }, final) => {
        const span = `${clock(startMs, '.')} --> ${clock(endMs, '.')}`;
        return `${number}\n${span}\n${voice(final)}${escapeVtt(lines.join('\n'))}\n\n`;
      }),
  },
};

/** Numbers cues 1, 2, 3 … through all finals. A final without a word is no cue. */
function cueWriter(
  labelOf: (final: TranscriptFinal) => string,
  write: (number: number, cue: Cue, final: TranscriptFinal) => string,
) {
  let number = 0;
  return (final: TranscriptFinal): string => {
    const text = oneLine(final.text);
    if (text === '') return '';
    const cues = cuesOf(labelOf(final) + text, final.start_ms, final.end_ms);
    return cues.map((cue) => write(++number, cue, final)).join('');
  };
}

function clock(ms: number, mark: string): string {
  const part = (value: number, digits: number) => String(Math.floor(value)).padStart(digits, '0');
  const seconds = ms / 1000;
  return `${part(seconds / 3600, 2)}:${part((seconds / 60) % 60, 2)}:${part(seconds % 60, 2)}${mark}${part(ms % 1000, 3)}`;
}

/** Line breaks and other control characters would end a cue or a line; spaces of any width are the speaker's. */
const oneLine = (text: string) => text.replace(/[\p{Cc}\u2028\u2029 ]+/gu, ' ').trim();

function speakerOf({ speaker }: TranscriptFinal): string {
  const name = oneLine(speaker ?? '');
  return /^\d+$/.test(name) ? `Speaker ${name}` : name;
}

function label(final: TranscriptFinal): string {
  const speaker = speakerOf(final);
  return speaker === '' ? '' : `${speaker}: `;
}

const noLabel = () => '';

/** Numbers for what would be markup: some readers decode `&lt;` even in a tag, and lose their way. */
function voice(final: TranscriptFinal): string {
  const speaker = speakerOf(final);
  return speaker === '' ? '' : `<v ${speaker.replace(/[&<>]/g, (mark) => `&#${mark.charCodeAt(0)};`)}>`;
}

const escapeVtt = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * SubRip knows no escape: an invisible word joiner breaks what players take for an arrow, a tag (`<i>`, `</font>`), a
 * style of SubStation (`{\an8}`) or of MicroDVD (`{Y:i}`).
 */
const withoutMarkup = (text: string) =>
  text.replace(/-(?=->)|<(?=[\p{L}\p{N}_/])|\{(?=\\|[A-Za-z]:)/gu, '$&\u2060');
