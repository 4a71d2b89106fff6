/** Where a token travels: header first, then sub-protocol, then query. Pure. */
import { bearerOf } from '@meetcast/protocol';

/** What a request may carry a token in. */
export interface TokenPlaces {
  readonly authorization: string | undefined;
  readonly subprotocols: Iterable<string>;
  readonly query: URLSearchParams;
}

export function tokenOf(places: TokenPlaces, isQueryAllowed: boolean): string | undefined {
  return (
    bearerHeader(places.authorization) ??
    bearerOf(places.subprotocols) ??
    (isQueryAllowed ? (places.query.get('token') ?? undefined) : undefined)
  );
}

function bearerHeader(header: string | undefined): string | undefined {
  const [scheme, token] = header?.split(' ') ?? [];
  return scheme?.toLowerCase() === 'bearer' ? token : undefined;
}

/** The sub-protocols a handshake offers. */
export const offeredIn = (header: string | undefined): string[] =>
  header === undefined ? [] : header.split(',').map((name) => name.trim());
