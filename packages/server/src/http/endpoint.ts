/** What an endpoint is given and gives, and how it refuses. */

import type { Grant, Permission } from '../auth/authenticator.ts';
import type { Message } from '../bus/message.ts';
import type { LateHearing } from '../late-hearing/late-hearing.ts';
import type { Limits } from '../lib/limits.ts';
import type { MeetingRef } from '../lib/meeting.ts';
import type { Remote } from '../lib/remote.ts';
import { expectedText } from '../lib/sentences.ts';
import type { Outbox } from '../log/outbox.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Registry } from '../registry/registry.ts';
import type { PageRequest, Store } from '../store/store.ts';
import type { AudioLedger } from '../transcription/audio-ledger.ts';
import type { Rooms } from '../viewers/rooms.ts';
import type { Viewers } from '../viewers/viewers.ts';
import type { HubCounts } from '../watch/counts.ts';
import type { Observe } from '../watch/observer.ts';
import { type HubRequest, type HubResponse, problem } from './exchange.ts';

export interface RestContext {
  readonly version: string;
  readonly store: Store;
  readonly registry: Registry;
  readonly rooms: Rooms;
  readonly ledger: AudioLedger;
  readonly limits: Limits;
  readonly counts: HubCounts;
  readonly outbox: Outbox;
  readonly late: LateHearing;
  readonly observe: Observe;
  /** The ways to the other nodes; none if there are no others. */
  readonly cluster: readonly Remote[];
  /** Whether one of them is away. */
  readonly isIsolated: boolean;
  /** Takes nothing new any longer. */
  readonly isClosing: boolean;
  readonly viewers: Viewers;
  log(meeting: MeetingRef): TranscriptLog;
  /** What a newcomer has to know of this node at the moment. */
  outageMessage(meeting: MeetingRef): Message | undefined;
}

/** A request to an address that anyone may ask. */
export interface OpenCall {
  readonly request: HubRequest;
  readonly query: URLSearchParams;
  readonly context: RestContext;
}

/** A request of somebody known. */
export interface Call extends OpenCall {
  readonly grant: Grant;
}

/** A request about one meeting of the asker's tenant. */
export interface MeetingCall extends Call {
  readonly meeting: MeetingRef;
}

export type Endpoint =
  | { readonly for: 'anyone'; answer(call: OpenCall): Promise<HubResponse> }
  | { readonly for: Permission; readonly about: 'tenant'; answer(call: Call): Promise<HubResponse> }
  | { readonly for: Permission; readonly about: 'meeting'; answer(call: MeetingCall): Promise<HubResponse> };

/** `detail` names the field that is not valid. */
export const badRequest = (detail: string): HubResponse => problem(400, 'bad_request', detail);

export const invalid = (field: string, detail: string): HubResponse => badRequest(`"${field}": ${detail}`);

export const tryAgain = (detail: string): HubResponse => problem(503, 'try_again_later', detail);

export const notFound = (detail: string): HubResponse => problem(404, 'not_found', detail);

/** A whole number in a query, or a sentence about what was expected. */
export function numberIn(
  query: URLSearchParams,
  name: string,
  { absent, least, most }: { absent: number; least: number; most: number },
): number | string {
  const text = query.get(name);
  if (text === null) return absent;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : expectedText.wholeNumber(least, most);
}

const defaultPage = 50;
const largestPage = 1_000;

/** `after` and `limit` of a list, or the refusal. `cursor` is the shape of what an earlier page gave as `next`. */
export function pageIn(query: URLSearchParams, cursor: RegExp): PageRequest | HubResponse {
  const after = query.get('after') ?? undefined;
  if (after !== undefined && !cursor.test(after)) return invalid('after', expectedText.cursor);
  const limit = numberIn(query, 'limit', { absent: defaultPage, least: 1, most: largestPage });
  if (typeof limit === 'string') return invalid('limit', limit);
  return { after, limit };
}
