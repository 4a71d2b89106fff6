/** Tokens of a link that was not renewed in time: a short one, and a good one only once the hub has closed over it. */
import { mintToken } from '../dev-token.ts';

export interface Secret {
  secret: string;
  audience: string | undefined;
  issuer: string | undefined;
}

/** Long enough for some words to be said before. */
const shortSeconds = 8;
const longSeconds = 3_600;

export const freshToken = ({ secret, ...terms }: Secret): Promise<string> =>
  mintToken(secret, terms, longSeconds);

/** A hub's warning that the token runs out gets the same one again: only a second connection gets another. */
export function ageingToken(secret: Secret): () => Promise<string> {
  const { secret: key, ...terms } = secret;
  const short = mintToken(key, terms, shortSeconds);
  const endsAt = (Math.floor(Date.now() / 1000) + shortSeconds) * 1000;
  return async () => (Date.now() < endsAt ? short : freshToken(secret));
}
