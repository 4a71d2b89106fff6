/** Decides a request for a live stream: who may open it, and with which settings. */

import type { IncomingMessage } from 'node:http';
import { credentialsOf } from './listen-auth.ts';
import { parseQuery } from './listen-query.ts';
import type { ListenSettings } from './listen-settings.ts';
import { badRequest, notFound, type Refusal, refusal } from './refusals.ts';

type Decision = { name: 'accepted'; settings: ListenSettings } | { name: 'refused'; refusal: Refusal };

/** `keys` undefined: any key that is not empty. */
export function decide(
  { url = '', headers }: IncomingMessage,
  keys: readonly string[] | undefined,
): Decision {
  const [path, ...search] = url.split('?');
  if (path !== '/v1/listen') return { name: 'refused', refusal: notFound };
  const credentials = credentialsOf(headers);
  const isKnown = credentials && (!keys || keys.includes(credentials.key));
  if (!isKnown) return { name: 'refused', refusal: refusal(401) };
  const parsed = parseQuery(search.join('?'));
  if ('reason' in parsed) return { name: 'refused', refusal: badRequest(parsed.errCode, parsed.reason) };
  return { name: 'accepted', settings: parsed };
}
