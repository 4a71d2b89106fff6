/** Notes for the next release: a formatter once made a heading of their front matter, which a release cannot read. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import readChangesets from '@changesets/read';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

const published = readdirSync(`${root}/packages`).map((name): string => {
  return JSON.parse(readFileSync(`${root}/packages/${name}/package.json`, 'utf8')).name;
});

test('every changeset can be read, says something, and names packages that are published', async () => {
  const changesets = await readChangesets(root);
  const files = readdirSync(`${root}/.changeset`).filter((name) => name.endsWith('.md'));
  expect(changesets.map(({ id }) => `${id}.md`).toSorted()).toEqual(files.toSorted());
  for (const { releases, summary } of changesets) {
    expect(summary).not.toBe('');
    expect(releases).not.toEqual([]);
    expect(published).toEqual(expect.arrayContaining(releases.map(({ name }) => name)));
  }
});
