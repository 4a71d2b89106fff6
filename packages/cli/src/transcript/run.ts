/** Reads a meeting's log and writes it where it was asked for. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import type { TranscriptPage } from '@meetcast/protocol';
import type { Context } from '../context.ts';
import { CliError, messageOf } from '../exit.ts';
import { type Hub, type HubFlags, resolveHub } from '../hub-options.ts';
import { requestTranscript, type TranscriptFormat, transcriptPages } from '../hub-request.ts';
import type { Output } from '../output.ts';
import { hubProblem, readNote } from '../sentences.ts';

export interface TranscriptFlags extends HubFlags {
  meeting: string;
  format?: TranscriptFormat;
  out?: string;
}

export async function transcript(flags: TranscriptFlags, context: Context): Promise<void> {
  const { output } = context;
  const { meeting, format = 'txt', out = '-' } = flags;
  const hub = await resolveHub(flags, context);
  if (output.json && out === '-') return emitFinals(hub, flags, output);
  if (format === 'json') await writeTo(out, [`${JSON.stringify(await document(hub, meeting), null, 2)}\n`]);
  else await writeTo(out, await textOf(hub, meeting, format));
  if (out === '-') return;
  output.emit({ event: 'transcript', meeting, format, file: out });
  output.say(readNote.written(meeting, out));
}

async function emitFinals(hub: Hub, { meeting, format }: TranscriptFlags, { emit }: Output): Promise<void> {
  if (format !== undefined && format !== 'json') throw new CliError('usage', ...readNote.notOnStdout(format));
  for await (const { segments } of transcriptPages(hub, meeting))
    for (const final of segments) emit({ event: final.type, ...final });
}

/** All pages as the one they would be without a limit. */
async function document(hub: Hub, meeting: string): Promise<TranscriptPage> {
  let whole: TranscriptPage | undefined;
  for await (const page of transcriptPages(hub, meeting))
    whole = { ...page, segments: [...(whole?.segments ?? []), ...page.segments] };
  if (!whole) throw new CliError('failed', ...hubProblem.noPage);
  return whole;
}

async function textOf(hub: Hub, meeting: string, format: TranscriptFormat): Promise<Readable | string[]> {
  const { body } = await requestTranscript(hub, meeting, { format });
  // One class, described by the types of the web and by those of Node.
  return body ? Readable.fromWeb(body as WebStream) : [];
}

async function writeTo(out: string, text: Readable | string[]): Promise<void> {
  const from = text instanceof Readable ? text : Readable.from(text);
  try {
    if (out === '-') await pipeline(from, process.stdout, { end: false });
    else await pipeline(from, createWriteStream(out));
  } catch (error) {
    throw new CliError('failed', ...readNote.unwritable(out, messageOf(error)));
  }
}
