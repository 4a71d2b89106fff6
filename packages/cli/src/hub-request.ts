/** Asks a hub over HTTP about one meeting's transcript. */
import { meetingIdPattern, type TranscriptFinal, TranscriptPage } from '@meetcast/protocol';
import { currentToken } from './dev-token.ts';
import { CliError } from './exit.ts';
import { answerFailure, requestFailure } from './failure.ts';
import type { Hub } from './hub-options.ts';

export type TranscriptFormat = 'json' | 'txt' | 'srt' | 'vtt';

interface Asked {
  format: TranscriptFormat;
  after?: number;
  limit?: number;
}

/** An answer of 200; everything else is a CliError. */
export async function requestTranscript(hub: Hub, meeting: string, asked: Asked): Promise<Response> {
  const address = transcriptAddress(hub.url, meeting, asked);
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(new Error('no answer in time')), hub.connectTimeoutMs);
  const headers = { authorization: `Bearer ${await currentToken(hub.token)}` };
  const response = await fetch(address, { headers, signal: timeout.signal })
    .catch((error: unknown) => {
      throw requestFailure(hub.url, error);
    })
    .finally(() => clearTimeout(timer));
  if (!response.ok) throw await answerFailure(response);
  return response;
}

function transcriptAddress(hubUrl: string, meeting: string, asked: Asked): URL {
  if (!meetingIdPattern.test(meeting) || meeting === '.' || meeting === '..')
    throw new CliError(
      'usage',
      `"${meeting}" is no meeting id.`,
      'It has 1–128 characters of A–Z a–z 0–9 . _ : -',
    );
  const base = hubUrl.replace(/^ws/, 'http').replace(/\/+$/, '');
  const address = new URL(`${base}/api/v1/meetings/${meeting}/transcript`);
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, String(value));
  return address;
}

const pageLimit = 500;

/** A meeting's transcript page by page, all of one log. */
export async function* transcriptPages(hub: Hub, meeting: string): AsyncGenerator<TranscriptPage> {
  let epoch: string | undefined;
  for (let after: number | null = 0; after !== null; ) {
    const page: TranscriptPage = await onePage(hub, meeting, after);
    if (epoch !== undefined && page.epoch !== epoch)
      throw new CliError('failed', 'the log was restarted while it was read.', 'Try again.');
    epoch = page.epoch;
    yield page;
    if (page.next !== null && page.next <= after)
      throw new CliError('failed', 'the pages of the transcript do not end.');
    after = page.next;
  }
}

async function onePage(hub: Hub, meeting: string, after: number): Promise<TranscriptPage> {
  const response = await requestTranscript(hub, meeting, { format: 'json', after, limit: pageLimit });
  const page = TranscriptPage.safeParse(await response.json().catch(() => undefined));
  if (page.success) return page.data;
  throw new CliError(
    'failed',
    'the hub’s answer is no transcript.',
    'Check --url: what answers there may not be a hub.',
  );
}

export async function storedFinals(hub: Hub, meeting: string): Promise<TranscriptFinal[]> {
  const finals: TranscriptFinal[] = [];
  for await (const { segments } of transcriptPages(hub, meeting)) finals.push(...segments);
  return finals;
}
