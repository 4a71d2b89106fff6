import { expect, test } from 'vitest';
import * as meetings from '../src/meetings.ts';
import { PostedAnswer, PostedEvent } from '../src/posted-event.ts';
import * as status from '../src/rest.ts';
import { readFixture } from './support/fixtures.ts';

const rest = { ...status, ...meetings, PostedAnswer, PostedEvent };

const schemas = { ...rest };

interface Answer {
  answer: keyof typeof schemas;
  name: string;
  json: unknown;
}
const { valid, invalid } = readFixture<{ valid: Answer[]; invalid: (Answer & { field: string })[] }>('rest');

test.each(valid)('[REST1] $answer: $name', ({ answer, json }) => {
  expect(schemas[answer].safeParse(json)).toEqual({ success: true, data: json });
});

test.each(invalid)('[REST1] not $answer: $name', ({ answer, json, field }) => {
  const fields = schemas[answer].safeParse(json).error?.issues.map(({ path }) => path.join('.'));
  expect(fields).toEqual([field]);
});

test('every answer has a valid and an invalid fixture', () => {
  const answers = Object.keys(schemas).sort();
  expect([...new Set(valid.map(({ answer }) => answer))].sort()).toEqual(answers);
  expect([...new Set(invalid.map(({ answer }) => answer))].sort()).toEqual(answers);
});
