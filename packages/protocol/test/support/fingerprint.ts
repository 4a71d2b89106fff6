/** What crosses the wire, reduced to one hash per message: a change of the contract cannot pass unseen. */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { Claims, closeCodes, MeetingId, SourceName, subprotocols } from '../../src/index.ts';
import * as meetings from '../../src/meetings.ts';
import { PostedAnswer, PostedEvent } from '../../src/posted-event.ts';
import * as status from '../../src/rest.ts';
import { wires } from './fixtures.ts';

const rest = { ...status, ...meetings, PostedAnswer, PostedEvent };

export type Fingerprint = Record<string, string>;

/** Every part of the contract by name, in a form that JSON can carry. */
export function wireContract(): Map<string, unknown> {
  const messages = wires.flatMap(({ name, members }) =>
    [...members].map(([type, schema]) => [`${name} ${type}`, wireSchema(schema)] as const),
  );
  const answers = Object.entries(rest).map(([name, schema]) => [`rest ${name}`, wireSchema(schema)] as const);
  const closes = Object.entries(closeCodes).map(([word, row]) => [`close ${word}`, row] as const);
  return new Map<string, unknown>([
    ...messages,
    ...answers,
    ...closes,
    ['identity Claims', wireSchema(Claims)],
    ['identity MeetingId', wireSchema(MeetingId)],
    ['identity SourceName', wireSchema(SourceName)],
    ['identity subprotocols', subprotocols('token')],
  ]);
}

/** `io: input` is what a decoder accepts, which is what a peer may send; unknown fields stay allowed. */
const wireSchema = (schema: z.ZodMiniType): unknown => z.toJSONSchema(schema, { io: 'input' });

export const fingerprintOf = (contract: Map<string, unknown>): Fingerprint =>
  Object.fromEntries([...contract].map(([name, part]) => [name, hash(part)]));

/** What differs, a line for each part: empty when nothing does. */
export function differences(stored: Fingerprint, current: Fingerprint): string[] {
  const names = [...new Set([...Object.keys(stored), ...Object.keys(current)])].sort();
  return names.filter((name) => stored[name] !== current[name]).map((name) => `${verdict(name)}: ${name}`);

  function verdict(name: string) {
    if (stored[name] === undefined) return 'added';
    return current[name] === undefined ? 'removed' : 'changed';
  }
}

const hash = (part: unknown) => createHash('sha256').update(canonical(part)).digest('hex');

/** JSON with sorted keys, without what is the schema library's and not ours. */
function canonical(part: unknown): string {
  return JSON.stringify(part, (key, value: unknown) => {
    if (key === '$schema') return undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    const instant = sorted.some(([name, format]) => name === 'format' && format === 'date-time');
    return Object.fromEntries(instant ? sorted.filter(([name]) => name !== 'pattern') : sorted);
  });
}
