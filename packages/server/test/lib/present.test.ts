import { expect, test } from 'vitest';
import { present } from '../../src/lib/present.ts';

test('what is undefined is not there, and everything else is, in the order it was given', () => {
  const nobody: string | undefined = undefined;
  const made = {
    text: 'hi',
    ...present({ language: 'tr', speaker: nobody, confidence: 0, note: '' }),
    z: null,
  };
  expect(JSON.stringify(made)).toBe('{"text":"hi","language":"tr","confidence":0,"note":"","z":null}');
  expect(Object.keys(made)).not.toContain('speaker');
});
