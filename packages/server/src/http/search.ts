/** Words found in a meeting, or in all of a tenant's. */
import type { SearchPage } from '@meetcast/protocol';
import { present } from '../lib/present.ts';
import { expectedText } from '../lib/sentences.ts';
import { queryTermsOf } from '../store/search-terms.ts';
import { type Call, invalid, type MeetingCall, pageIn } from './endpoint.ts';
import { excerptOf } from './excerpt.ts';
import { type HubResponse, json } from './exchange.ts';

/** Characters and terms of a query at most. */
const longestQuery = 200;
const mostTerms = 20;

export const searchMeeting = (call: MeetingCall): Promise<HubResponse> => search(call, call.meeting.id);
export const searchTenant = (call: Call): Promise<HubResponse> => search(call, undefined);

async function search({ grant, query, context }: Call, id: string | undefined): Promise<HubResponse> {
  const q = query.get('q') ?? '';
  const terms = queryTermsOf(q.slice(0, longestQuery));
  if (q.length > longestQuery || terms.length > mostTerms) {
    return invalid('q', expectedText.queryWithin(longestQuery, mostTerms));
  }
  if (terms.length === 0) return invalid('q', expectedText.query);
  const page = pageIn(query, /^\d{1,16}\.\d{1,16}$/);
  if ('status' in page) return page;
  const where = { tenant: grant.tenant, ...present({ id }) };
  const { items, next } = await context.store.search(where, terms, page);
  const hits = items.map(({ meeting, final }) => ({
    meeting_id: meeting,
    segment: final,
    ...excerptOf(final.text, terms),
  }));
  const body: SearchPage = { query: q, hits, next: next ?? null };
  return json(body);
}
