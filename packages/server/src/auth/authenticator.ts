/** A token to who, tenant, role, expiry and what they may do: the contract of every authenticator. */

import { operatorText } from '../lib/sentences.ts';

/** `subscribe`: watch. `publish`: send audio and events. `manage`: retract and forget. */
export type Permission = 'subscribe' | 'publish' | 'manage';

export interface Grant {
  readonly userId: string;
  readonly tenant: string;
  readonly email: string;
  readonly role: string;
  /** Milliseconds since 1970. A grant without it is refused, as a failure of `auth`. */
  readonly expiresAt: number;
  readonly may: ReadonlySet<Permission>;
}

/** Rejects with an AuthError, whose message is safe to show. */
export type Authenticator = (token: string) => Promise<Grant>;

/** Refuses grants that end at no time: a wait for that would be over at once, again and again. */
export function endingGrants(authenticate: Authenticator): Authenticator {
  return async (token) => {
    const grant = await authenticate(token);
    if (!isTime(grant.expiresAt)) throw new TypeError(operatorText.grantWithoutEnd(grant.expiresAt));
    return grant;
  };
}

/** A `Date` counts as its number, as it does in every comparison. */
const isTime = (value: unknown): boolean =>
  (typeof value === 'number' || value instanceof Date) && !Number.isNaN(Number(value));
