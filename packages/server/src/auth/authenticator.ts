/** A token to who, tenant, role, expiry and what they may do: the contract of every authenticator. */

/** `subscribe`: watch. `publish`: send audio and events. `manage`: retract and forget. */
export type Permission = 'subscribe' | 'publish' | 'manage';

export interface Grant {
  readonly userId: string;
  readonly tenant: string;
  readonly email: string;
  readonly role: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly may: ReadonlySet<Permission>;
}

/** Rejects with an AuthError, whose message is safe to show. */
export type Authenticator = (token: string) => Promise<Grant>;
