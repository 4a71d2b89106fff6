/** Why a socket closed, and whether its client may come back by itself: one table for both ends. */

/**
 * What a client does after a close:
 * - `never`: nothing; a person has to act.
 * - `backoff`: comes back with a jittered wait and resumes.
 * - `later`: the same, starting from the longest wait.
 * - `new-token`: comes back only with a token other than the refused one.
 * - `fresh-token`: asks for a fresh token and comes back at once.
 */
export type Retry = 'never' | 'backoff' | 'later' | 'new-token' | 'fresh-token';

/** Every close code a hub sends. The word is also the `code` of the `error` message that goes before the close. */
export const closeCodes = {
  done: { code: 1000, retry: 'never' },
  going_away: { code: 1001, retry: 'backoff' },
  policy: { code: 1008, retry: 'never' },
  too_large: { code: 1009, retry: 'never' },
  internal_error: { code: 1011, retry: 'backoff' },
  restart: { code: 1012, retry: 'backoff' },
  try_again_later: { code: 1013, retry: 'later' },
  auth_failed: { code: 4001, retry: 'new-token' },
  ingest_exists: { code: 4002, retry: 'never' },
  connection_limit: { code: 4003, retry: 'later' },
  forbidden: { code: 4004, retry: 'never' },
  token_expired: { code: 4005, retry: 'fresh-token' },
  bad_handshake: { code: 4006, retry: 'never' },
  bad_message: { code: 4007, retry: 'never' },
  slow_consumer: { code: 4008, retry: 'backoff' },
  superseded: { code: 4009, retry: 'never' },
  recognizer_unavailable: { code: 4010, retry: 'later' },
} as const satisfies Record<string, { code: number; retry: Retry }>;

export type CloseWord = keyof typeof closeCodes;

const byCode = new Map<number, { word: CloseWord; retry: Retry }>(
  Object.entries(closeCodes).map(([word, { code, retry }]) => [code, { word: word as CloseWord, retry }]),
);

/** The policy for a received close code. A code outside the table is a broken link: come back. */
export function closePolicy(code: number): { word: CloseWord | 'lost'; retry: Retry } {
  return byCode.get(code) ?? { word: 'lost', retry: 'backoff' };
}

/** Whether an `error` with this word is followed by a close that the client may recover from by itself. */
export const isRetryable = (word: CloseWord): boolean => closeCodes[word].retry !== 'never';
