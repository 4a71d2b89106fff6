/** Bytes to messages and back: the one place where a frame becomes something typed, or a named problem. */
import type * as z from 'zod/mini';
import {
  type IngestDownstream,
  IngestDownstream as IngestDownstreamSchema,
  type IngestUpstream,
  IngestUpstream as IngestUpstreamSchema,
  type SubscriberDownstream,
  SubscriberDownstream as SubscriberDownstreamSchema,
  type SubscriberUpstream,
  SubscriberUpstream as SubscriberUpstreamSchema,
} from './messages.ts';

/** A message, or a sentence that names the field that is wrong. `type` is what the frame said it was, if it did. */
export type Decoded<T> = { ok: true; message: T } | { ok: false; problem: string; type?: string };

/** Builds a decoder of text frames from a schema. Never throws. */
export function decoder<T>(
  schema: z.ZodMiniType<T>,
  shape: (json: unknown) => unknown = same,
): (text: string) => Decoded<T> {
  return (text) => {
    const json = shape(parseJson(text));
    if (json === undefined) return { ok: false, problem: 'the message is not JSON' };
    const result = schema.safeParse(json);
    if (result.success) return { ok: true, message: result.data };
    const type = typeOf(json);
    return { ok: false, problem: explain(json, type, result.error), ...(type === undefined ? {} : { type }) };
  };
}

function parseJson(text: string): unknown {
  if (text === 'ping' || text === 'pong') return { type: text, bare: true };
  try {
    return withoutBare(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** `bare` tells how a ping was spelled; on the wire it is a field like any other unknown one. */
function withoutBare(json: unknown): unknown {
  if (typeof json === 'object' && json !== null && 'bare' in json) delete json.bare;
  return json;
}

const same = (json: unknown) => json;

/** Senders in other languages write `null` for a field they leave out. */
export function withoutNulls(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null));
}

function typeOf(json: unknown): string | undefined {
  if (typeof json !== 'object' || json === null || !('type' in json)) return undefined;
  return typeof json.type === 'string' ? json.type : undefined;
}

function explain(json: unknown, type: string | undefined, error: z.core.$ZodError): string {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return 'the message is not a JSON object';
  const issue = error.issues[0];
  const field = [...(issue?.path ?? []), ...unknownIn(issue)].join('.');
  if (!issue || !field || field === 'type')
    return `"type": ${type === undefined ? 'is missing or not text' : `"${type.slice(0, 40)}" is not known here`}`;
  return `"${field}": ${expectation(issue)}`;
}

/** The first field that an object may not have. */
const unknownIn = (issue: z.core.$ZodIssue | undefined): string[] =>
  issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1).map((key) => key.slice(0, 40)) : [];

/** What a field should have been. `zod/mini` ships no texts, which keeps it small in a browser. */
function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `expected ${issue.expected}`;
  if (issue.code === 'invalid_value')
    return `expected ${issue.values.map((value) => `"${String(value)}"`).join(' or ')}`;
  if (issue.code === 'too_small')
    return `expected ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unit(issue.origin)}`;
  if (issue.code === 'too_big') return `expected at most ${issue.maximum}${unit(issue.origin)}`;
  if (issue.code === 'invalid_format' && issue.format === 'datetime')
    return 'expected an RFC 3339 UTC instant, such as 2026-01-01T00:00:00.000Z';
  if (issue.code === 'custom') return issue.message;
  if (issue.code === 'unrecognized_keys') return 'is not known here';
  if (issue.code === 'invalid_format')
    return `not a valid value${issue.pattern ? ` (${issue.pattern})` : ''}`;
  return 'not a valid value';
}

const unit = (origin: string) => (origin === 'string' ? ' characters' : '');

export const decodeSubscriberUpstream: (text: string) => Decoded<SubscriberUpstream> = decoder(
  SubscriberUpstreamSchema,
  withoutNulls,
);
export const decodeSubscriberDownstream: (text: string) => Decoded<SubscriberDownstream> =
  decoder(SubscriberDownstreamSchema);
export const decodeIngestUpstream: (text: string) => Decoded<IngestUpstream> = decoder(
  IngestUpstreamSchema,
  withoutNulls,
);
export const decodeIngestDownstream: (text: string) => Decoded<IngestDownstream> =
  decoder(IngestDownstreamSchema);

type Encodable = SubscriberUpstream | SubscriberDownstream | IngestUpstream | IngestDownstream;

/** The text frame of a message. */
export function encode(message: Encodable): string {
  if ('bare' in message && message.bare) return message.type;
  return JSON.stringify(message);
}
