/** Tokens of a link that was not renewed in time: a short one, and a good one only once the hub has closed over it. */

export type Mint = (ttlSeconds: number) => Promise<string>;

/** Long enough for some words to be said before. */
const shortSeconds = 8;
const longSeconds = 3_600;

export const freshToken = (mint: Mint): Promise<string> => mint(longSeconds);

/** A hub's warning that the token runs out gets the same one again: only a second connection gets another. */
export function ageingToken(mint: Mint): () => Promise<string> {
  const short = mint(shortSeconds);
  const endsAt = (Math.floor(Date.now() / 1000) + shortSeconds) * 1000;
  return async () => (Date.now() < endsAt ? short : freshToken(mint));
}
