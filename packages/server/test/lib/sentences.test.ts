/** The golden messages of the wire say what the hub says: whoever reads them knows its sentences. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { closeText, outageText, statusText, tokenText, welcomeText } from '../../src/lib/sentences.ts';

const meeting = 'standup-42';
const catalogue = new Set([
  ...[statusText, tokenText, closeText, welcomeText, ...Object.values(outageText)].flatMap(Object.values),
  statusText.tokenExpiring(60),
  welcomeText.viewer(meeting),
]);

interface Golden {
  valid: { json?: { message?: string; status?: string } }[];
}

const goldenMessages = ['ingest-downstream', 'subscriber-downstream'].flatMap((name) => {
  const file = new URL(`../../../protocol/fixtures/${name}.json`, import.meta.url);
  const { valid }: Golden = JSON.parse(readFileSync(file, 'utf8'));
  // A refused handshake is answered with the name of a field, which is no sentence.
  return valid.flatMap(({ json }) => (json?.status === 'error' ? [] : (json?.message ?? [])));
});

test('every sentence of a golden message is one of the hub’s', () => {
  expect(goldenMessages.length).toBeGreaterThan(10);
  expect([...new Set(goldenMessages)].filter((text) => !catalogue.has(text))).toEqual([]);
});
