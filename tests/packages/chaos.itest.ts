/** The engine of chaos as whoever embeds a hub has it: from packed packages, in a project with nothing beside them. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { packedProject } from '../support/packed-project.ts';

const program = `
import { chaos } from '@meetcast/testing/chaos';

const { results } = await chaos({ only: ['drop'], own: { memory: true }, speed: 4 });
console.log(JSON.stringify([...results].map(([name, { status }]) => [name, status])));
`;

test('a meeting whose link drops loses no word, in an empty project', () => {
  const { path: project, remove } = packedProject(['protocol', 'server', 'client', 'testing'], []);
  onTestFinished(remove);
  writeFileSync(join(project, 'chaos.js'), program);
  const out = execFileSync(process.execPath, ['chaos.js'], {
    cwd: project,
    encoding: 'utf8',
    timeout: 120_000,
  });
  expect(JSON.parse(out)).toEqual([['drop', 'passed']]);
});
