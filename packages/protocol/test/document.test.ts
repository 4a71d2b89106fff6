import { readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import * as meetings from '../src/meetings.ts';
import { PostedAnswer, PostedEvent } from '../src/posted-event.ts';
import * as status from '../src/rest.ts';
import { jsonBlocks, protocolDocument, protocolTables, section } from './support/document.ts';
import { frameText, readFixture, wires } from './support/fixtures.ts';

const rest = { ...status, ...meetings, PostedAnswer, PostedEvent };

const messages = new Map(wires.flatMap(({ members }) => [...members]));
const frames = wires.flatMap(({ decode, fixtures }) => fixtures.valid.map((frame) => ({ decode, frame })));
const answers = readFixture<{ valid: { answer: string; json: unknown }[] }>('rest').valid;

test.each([...messages])('%s has a section whose table lists its fields', (type, schema) => {
  const [table] = protocolTables(`\`${type}\``);
  const listed = (table ?? []).map(([field, presence]) => `${field} ${presence}`);
  const declared = Object.entries(schema.shape)
    .filter(([field]) => field !== 'bare' && field !== 'type')
    .map(([field, { _zod }]) => `${field} ${_zod.optin === undefined ? 'required' : 'optional'}`);
  expect(listed.sort()).toEqual(declared.sort());
});

test.each([...messages.keys()])('%s has an example, which is a golden message of that type', (type) => {
  const examples = jsonBlocks(section(`\`${type}\``) ?? '');
  expect(examples).not.toEqual([]);
  for (const example of examples) {
    const golden = frames.filter(
      ({ frame }) => frame.message === type && isDeepStrictEqual(frame.json, example),
    );
    expect(golden.length, JSON.stringify(example)).toBeGreaterThan(0);
    for (const { decode, frame } of golden) expect(decode(frameText(frame)).ok).toBe(true);
  }
});

test.each(Object.keys(rest))('%s has an example, which is a golden answer', (answer) => {
  const golden = answers.filter((entry) => entry.answer === answer).map(({ json }) => json);
  const examples = jsonBlocks(protocolDocument).flatMap((example) => [example, sourceStatsOf(example)]);
  expect(examples.some((example) => golden.some((json) => isDeepStrictEqual(json, example)))).toBe(true);
});

const sourceStatsOf = (example: unknown) => (example as { sources?: { mic?: unknown } }).sources?.mic;

test('no example stands in the document that is not golden', () => {
  const golden = [...frames.map(({ frame }) => frame.json), ...answers.map(({ json }) => json)];
  const strays = jsonBlocks(protocolDocument).filter(
    (example) => !golden.some((json) => isDeepStrictEqual(json, example)),
  );
  expect(strays).toEqual([]);
});

const root = new URL('../../../', import.meta.url);
const rulesIn = (text: string) => [...text.matchAll(/^- \[([A-Z]+\d+)\]/gm)].map(([, id]) => id);
const idsIn = (text: string) =>
  [...text.matchAll(/\[([A-Z]{2,}\d+(?:, [A-Z]{2,}\d+)*)\]/g)].flatMap(([, ids = '']) => ids.split(', '));

const contractsDocument = readFileSync(new URL('docs/contracts.md', root), 'utf8');

/** Of the wire, and of what adapters promise. */
const defined = [...rulesIn(protocolDocument), ...rulesIn(contractsDocument)];

test('a rule id is given once', () => {
  expect(defined.length).toBeGreaterThan(150);
  expect(defined).toEqual([...new Set(defined)]);
});

test('every rule id that the document or the name of a test has is defined', () => {
  const tests = ['packages', 'tests'].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.tsx?$/.test(path) && !/(node_modules|dist)\//.test(path))
      .map((path) => new URL(`${folder}/${path}`, root)),
  );
  expect(tests.length).toBeGreaterThan(500);
  const named = [protocolDocument, ...tests.map((path) => readFileSync(path, 'utf8'))].flatMap(idsIn);
  expect(named.length).toBeGreaterThan(500);
  expect([...new Set(named)].filter((id) => !defined.includes(id))).toEqual([]);
});

/** Name by name, with the id of an adapter's rule before each: a test may prove a rule of the wire too. */
function contractTests(): string[] {
  const suites = new URL('packages/testing/src/contracts/', root);
  const sources = readdirSync(suites, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  const names = sources.flatMap((path) => [
    ...readFileSync(new URL(path, suites), 'utf8').matchAll(/(['"`])\[([A-Z\d, ]+)\] (.*?)\1/g),
  ]);
  return names.flatMap(([, , ids = '', name]) => ids.split(', ').map((id) => `${id} ${name}`));
}

test('every rule of an adapter is the name of a test of its suite; what follows a colon is the case', () => {
  const named = new Set(contractTests().flatMap((name) => [name, name.replace(/: .*/, '')]));
  const rules = [...contractsDocument.matchAll(/^- \[([A-Z]+\d+)\] (.)(.*)\.$/gm)].map(
    ([, id, initial = '', rest]) => `${id} ${initial.toLowerCase()}${rest}`,
  );
  expect(rules.length).toBe(rulesIn(contractsDocument).length);
  expect(rules.filter((rule) => !named.has(rule))).toEqual([]);
});
