/** What a terminal shows: lines that stay above lines that are rewritten. */
import { expect, test } from 'vitest';
import { createOutput } from '../src/output.ts';
import { table } from '../src/show.ts';

const esc = '\u001b';
const steps = new RegExp(`(${esc}\\[\\d*[AJ]|\\r|\\n)`);
const moveUp = new RegExp(`^${esc}\\[(\\d+)A$`);

/** A terminal that keeps its lines, and knows the two movements that are used. */
function screen() {
  let lines = [''];
  return {
    isTTY: true,
    write(text: string) {
      for (const part of text.split(steps)) {
        const up = moveUp.exec(part);
        if (up) lines = lines.slice(0, lines.length - Number(up[1]));
        else if (part === '\n') lines.push('');
        else if (part === '\u001b[J') lines[lines.length - 1] = '';
        else if (part !== '\r') lines[lines.length - 1] += part;
      }
    },
    shown: () => lines.join('\n'),
  };
}

test('live lines stay below everything else, and the next ones replace them', () => {
  const terminal = screen();
  const output = createOutput({ json: false, stdout: terminal, stderr: terminal, env: {} });
  output.live(['one', 'two']);
  output.say('first');
  expect(terminal.shown()).toBe('first\none\ntwo\n');
  output.live(['three']);
  output.emit({ event: 'x' }, 'second');
  expect(terminal.shown()).toBe('first\nsecond\nthree\n');
  output.live([]);
  expect(terminal.shown()).toBe('first\nsecond\n');
});

test('where lines cannot be rewritten there are none', () => {
  const written: string[] = [];
  const pipe = { write: (text: string) => written.push(text) };
  const output = createOutput({ json: false, stdout: pipe, stderr: pipe, env: {} });
  output.live(['one']);
  output.say('first');
  expect(written).toEqual(['first\n']);
});

test('a table has its numbers to the right', () => {
  expect(
    table([
      ['words', 'all'],
      ['said', 100],
      ['seen', 9],
    ]),
  ).toEqual(['words   all', 'said    100', 'seen      9']);
});
