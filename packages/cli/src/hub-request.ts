/** Asks a hub over HTTP: about meetings, their transcripts, and words in them. */
import {
  MeetingList,
  type MeetingSummary,
  meetingIdPattern,
  SearchPage,
  type TranscriptFinal,
  TranscriptPage,
} from '@meetcast/protocol';
import { currentToken } from './dev-token.ts';
import { CliError } from './exit.ts';
import { answerFailure, requestFailure } from './failure.ts';
import type { Hub } from './hub-options.ts';
import { hubProblem } from './sentences.ts';

export type TranscriptFormat = 'json' | 'txt' | 'srt' | 'vtt';

interface Asked {
  format: TranscriptFormat;
  after?: number;
  limit?: number;
}

/** An answer of 200; everything else is a CliError. */
export const requestTranscript = (hub: Hub, meeting: string, asked: Asked): Promise<Response> =>
  request(hub, 'GET', `${pathOf(meeting)}/transcript`, { ...asked });

/** Log, rows, everything. */
export async function forgetMeeting(hub: Hub, meeting: string): Promise<void> {
  await request(hub, 'DELETE', pathOf(meeting), {});
}

type Query = Readonly<Record<string, string | number | undefined>>;

async function request(hub: Hub, method: string, path: string, query: Query): Promise<Response> {
  const address = addressOf(hub.url, path, query);
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(new Error(hubProblem.noAnswerInTime)), hub.connectTimeoutMs);
  const headers = { authorization: `Bearer ${await currentToken(hub.token)}` };
  const response = await fetch(address, { method, headers, signal: timeout.signal })
    .catch((error: unknown) => {
      throw requestFailure(hub.url, error);
    })
    .finally(() => clearTimeout(timer));
  if (!response.ok) throw await answerFailure(response);
  return response;
}

function addressOf(hubUrl: string, path: string, query: Query): URL {
  const base = hubUrl.replace(/^ws/, 'http').replace(/\/+$/, '');
  const address = new URL(`${base}/api/v1${path}`);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) address.searchParams.set(name, String(value));
  return address;
}

function pathOf(meeting: string): string {
  if (meetingIdPattern.test(meeting) && meeting !== '.' && meeting !== '..') return `/meetings/${meeting}`;
  throw new CliError('usage', ...hubProblem.notMeetingId(meeting));
}

/** The answer as the schema says, or a CliError. */
async function answerOf<T>(
  response: Response,
  schema: { safeParse(json: unknown): { success: true; data: T } | { success: false } },
  what: string,
): Promise<T> {
  const answer = schema.safeParse(await response.json().catch(() => undefined));
  if (answer.success) return answer.data;
  throw new CliError('failed', ...hubProblem.wrongAnswer(what));
}

/** Where a list goes on, and how much of it is wanted. */
export interface Portion {
  after?: string;
  limit: number;
}

/** So much of a list; `next` is where it goes on, `null` at its end. */
export interface Listed<T> {
  items: readonly T[];
  next: string | null;
}

/** The tenant's meetings, newest first. */
export const listMeetings = (hub: Hub, portion: Portion): Promise<Listed<MeetingSummary>> =>
  listed(portion, async (query) => {
    const response = await request(hub, 'GET', '/meetings', query);
    const { meetings, next } = await answerOf(response, MeetingList, 'list of meetings');
    return { items: meetings, next };
  });

export type Hit = SearchPage['hits'][number];

/** Finals with all the words: of one meeting, or of all of the tenant's. */
export function searchWords(
  hub: Hub,
  q: string,
  meeting: string | undefined,
  portion: Portion,
): Promise<Listed<Hit>> {
  const path = meeting === undefined ? '/search' : `${pathOf(meeting)}/search`;
  return listed(portion, async (query) => {
    const response = await request(hub, 'GET', path, { ...query, q });
    const { hits, next } = await answerOf(response, SearchPage, 'search result');
    return { items: hits, next };
  });
}

/** What a hub gives at a time. */
const pageLimit = 500;

async function listed<T>(
  { after, limit }: Portion,
  page: (query: { after: string | undefined; limit: number }) => Promise<Listed<T>>,
): Promise<Listed<T>> {
  const items: T[] = [];
  let next: string | null = after ?? null;
  do {
    const asked = { after: next ?? undefined, limit: Math.min(pageLimit, limit - items.length) };
    const answer = await page(asked);
    if (answer.next !== null && answer.next === asked.after)
      throw new CliError('failed', ...hubProblem.endlessPages('list'));
    items.push(...answer.items);
    next = answer.next;
  } while (next !== null && items.length < limit);
  return { items, next };
}

/** A meeting's transcript page by page, all of one log. */
export async function* transcriptPages(hub: Hub, meeting: string): AsyncGenerator<TranscriptPage> {
  let epoch: string | undefined;
  for (let after: number | null = 0; after !== null; ) {
    const page: TranscriptPage = await onePage(hub, meeting, after);
    if (epoch !== undefined && page.epoch !== epoch)
      throw new CliError('failed', ...hubProblem.restartedWhileRead);
    epoch = page.epoch;
    yield page;
    if (page.next !== null && page.next <= after)
      throw new CliError('failed', ...hubProblem.endlessPages('transcript'));
    after = page.next;
  }
}

async function onePage(hub: Hub, meeting: string, after: number): Promise<TranscriptPage> {
  const response = await requestTranscript(hub, meeting, { format: 'json', after, limit: pageLimit });
  return answerOf(response, TranscriptPage, 'transcript');
}

export async function storedFinals(hub: Hub, meeting: string): Promise<TranscriptFinal[]> {
  const finals: TranscriptFinal[] = [];
  for await (const { segments } of transcriptPages(hub, meeting)) finals.push(...segments);
  return finals;
}
