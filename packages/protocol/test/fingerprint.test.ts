import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as z from 'zod/mini';
import { TranscriptFinal } from '../src/index.ts';
import { differences, type Fingerprint, fingerprintOf, wireContract } from './support/fingerprint.ts';

const file = new URL('./wire-fingerprint.json', import.meta.url);
const current = fingerprintOf(wireContract());
if (process.env.UPDATE_WIRE === '1') writeFileSync(file, `${JSON.stringify(current, null, 2)}\n`);
const stored: Fingerprint = JSON.parse(readFileSync(file, 'utf8'));

const advice = `
The wire has changed. Clients that are already out there meet it, so decide first:
  a new optional field or a new message type  → a minor release; older clients ignore it
  anything removed, renamed, required, narrowed → a break of meetcast.v1: do not
  only the schema library writes it differently → nothing crosses the wire differently
Then say it in docs/protocol.md, give it fixtures and a changeset, and take the new fingerprint:
  UPDATE_WIRE=1 npx vitest run --project unit packages/protocol
`;

test('[WIRE8] the wire is what it was', () => {
  expect(differences(stored, current), advice).toEqual([]);
});

test('[WIRE8] a changed, added or removed message is named', () => {
  const changed = wireContract();
  const widened = z.extend(TranscriptFinal, { mood: z.optional(z.string()) });
  changed.set('subscriber-downstream transcript.final', z.toJSONSchema(widened, { io: 'input' }));
  changed.set('ingest-upstream wave', {});
  changed.delete('close slow_consumer');
  expect(differences(current, fingerprintOf(changed))).toEqual([
    'removed: close slow_consumer',
    'added: ingest-upstream wave',
    'changed: subscriber-downstream transcript.final',
  ]);
});

test('[WIRE8] any bound, default or presence counts', () => {
  const base = z.object({ n: z.int().check(z.gte(1)) });
  const others = [
    z.object({ n: z.int().check(z.gte(2)) }),
    z.object({ n: z.optional(z.int().check(z.gte(1))) }),
    z.object({ n: z._default(z.int().check(z.gte(1)), 5) }),
    z.object({ n: z.number().check(z.gte(1)) }),
  ];
  const hashes = [base, ...others].map(
    (schema) => fingerprintOf(new Map([['it', z.toJSONSchema(schema, { io: 'input' })]])).it,
  );
  expect(new Set(hashes).size).toBe(hashes.length);
});
