/** docs/protocol.md taken apart, so that tests can hold it against the schemas. */
import { readFileSync } from 'node:fs';

export const protocolDocument = readFileSync(
  new URL('../../../../docs/protocol.md', import.meta.url),
  'utf8',
);

/** The text under a heading of any level, up to the next heading. */
export function section(heading: string): string | undefined {
  const sections = protocolDocument.split(/^#{1,6} /m);
  return sections.find((text) => text.startsWith(`${heading}\n`));
}

/** The tables under a heading: rows of cells, without the head, code marks taken off. */
export function protocolTables(heading: string): string[][][] {
  const blocks = (section(heading) ?? '').split(/\n\n+/).filter((block) => block.startsWith('|'));
  return blocks.map((block) => block.trim().split('\n').slice(2).map(cells));
}

const cells = (row: string): string[] =>
  row
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1'));

/** The JSON examples under a heading, or of the whole document. */
export const jsonBlocks = (text: string): unknown[] =>
  [...text.matchAll(/^```json\n([\s\S]*?)^```/gm)].map(([, json]) => JSON.parse(json ?? ''));
