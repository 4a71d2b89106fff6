/** Who a client is and which meeting it asks for, as both travel on the wire. */
import * as z from 'zod/mini';

/** A meeting id: 1–128 characters of `A–Z a–z 0–9 . _ : -`. */
export const meetingIdPattern = /^[A-Za-z0-9._:-]{1,128}$/;
export const MeetingId = z.string().check(z.regex(meetingIdPattern));

/** The two audio inputs of a meeting; `sys` is the older name of `system`. */
export const sources = ['mic', 'system'] as const;
export const Source = z.enum(sources);
export type Source = z.infer<typeof Source>;

/** `mic`, `system` or its older name `sys`, as a query or handshake spells it. */
export const SourceName = z.pipe(
  z.enum([...sources, 'sys']),
  z.transform((name): Source => (name === 'sys' ? 'system' : name)),
);

/** The claims every token must carry; others are ignored. `exp` and `iat` are seconds since 1970. */
export const Claims = z.object({
  user_id: z.string().check(z.minLength(1), z.maxLength(256)),
  tenant_id: z
    .string()
    .check(z.regex(/^[A-Za-z0-9._:-]{1,128}$/, 'must be 1–128 characters of A–Z a–z 0–9 . _ : -')),
  email: z.string().check(z.minLength(1), z.maxLength(320)),
  role: z.string().check(z.minLength(1), z.maxLength(64)),
  exp: z.number(),
  iat: z.number(),
  aud: z.union([z.string(), z.array(z.string())]),
  iss: z.string(),
});
export type Claims = z.infer<typeof Claims>;

/** The sub-protocol a hub speaks; a hub never answers with the bearer one. */
export const subprotocol = 'meetcast.v1';
const bearerPrefix = 'meetcast.bearer.';

/** The sub-protocols a client offers so that its token travels where browsers cannot set headers. */
export const subprotocols = (token: string): [string, string] => [subprotocol, `${bearerPrefix}${token}`];

/** The token among the offered sub-protocols. */
export function bearerOf(offered: Iterable<string>): string | undefined {
  for (const name of offered) if (name.startsWith(bearerPrefix)) return name.slice(bearerPrefix.length);
  return undefined;
}
