import { describe, expect, test } from 'vitest';
import { encode } from '../src/index.ts';
import { frameText, wires } from './support/fixtures.ts';
import { seededRandom } from './support/random.ts';

describe.each(wires)('$name', ({ name, decode, fixtures, members }) => {
  test('the file says where it belongs', () => {
    expect(`${fixtures.socket}-${fixtures.direction}`).toBe(name);
  });

  test.each(fixtures.valid)('[WIRE1] reads $message: $name', (frame) => {
    expect(decode(frameText(frame))).toEqual({ ok: true, message: frame.decoded ?? frame.json });
  });

  test.each(fixtures.valid)('[WIRE1] writes what it read, $message: $name', (frame) => {
    const first = decode(frameText(frame));
    if (!first.ok) throw new Error(first.problem);
    expect(decode(encode(first.message))).toEqual(first);
  });

  test.each(fixtures.invalid)('[WIRE7] names what is wrong with $message: $name', (frame) => {
    expect(decode(frameText(frame))).toMatchObject({ ok: false, problem: frame.problem });
  });

  test('every message has a valid and an invalid fixture, and every fixture a message', () => {
    const types = [...members.keys()].sort();
    const covered = (frames: { message: string }[]) =>
      [...new Set(frames.map(({ message }) => message))].filter((type) => type !== '*').sort();
    expect(covered(fixtures.valid)).toEqual(types);
    expect(covered(fixtures.invalid)).toEqual(types);
    for (const { message, json } of fixtures.valid) if (json) expect(json).toMatchObject({ type: message });
  });

  test('[WIRE2] a field nobody knows changes nothing', () => {
    for (const frame of fixtures.valid) {
      if (frame.text !== undefined) continue;
      const extended = { ...(frame.json as object), x_new: { deep: [1, null] }, bare: true };
      expect(decode(JSON.stringify(extended))).toEqual(decode(frameText(frame)));
    }
  });

  test('[WIRE7] never throws, and what it reads it writes again the same', () => {
    const random = seededRandom(20_260_302);
    const texts = [...fixtures.valid, ...fixtures.invalid].map(frameText);
    for (let round = 0; round < 5000; round += 1) {
      const text = mutate(texts[Math.floor(random() * texts.length)] as string, random);
      const decoded = decode(text);
      if (decoded.ok) expect(JSON.stringify(decode(encode(decoded.message)))).toBe(JSON.stringify(decoded));
      else expect(decoded.problem).not.toBe('');
    }
  });
});

const upstream = wires.filter(({ name }) => name.endsWith('-upstream'));

test.each(upstream)('[WIRE4] $name: null is an absent field', ({ decode, fixtures, members }) => {
  for (const frame of fixtures.valid) {
    const shape = members.get(frame.message)?.shape ?? {};
    const nulls = Object.fromEntries(Object.keys(shape).map((field) => [field, null]));
    if (frame.text !== undefined) continue;
    const padded = { ...nulls, ...(frame.json as object) };
    expect(decode(JSON.stringify(padded))).toEqual(decode(frameText(frame)));
  }
});

test.each(wires)(
  '[WIRE5] $name: the bare text and the JSON are told apart, and written as they came',
  (wire) => {
    const word = wire.members.has('ping') ? 'ping' : 'pong';
    for (const text of [word, JSON.stringify({ type: word })]) {
      const decoded = wire.decode(text);
      expect(decoded.ok && encode(decoded.message as never)).toBe(text);
    }
  },
);

// biome-ignore format: rows of tokens
const hostile = [
  'null', '{}', '[]', '""', '0', '-0', '1e999', '-1', '1.5', '9007199254740993', 'true', '"\\ud800"', '"\\u0000"',
  '{"__proto__":{"type":"ping"}}', '{"constructor":null}', '"toString"', '"mic"', '"sys"',
];
const noise = ['"', '\\', '{', '}', '[', ']', ',', ':', '\u0000', '\ufeff', '🙂', '\ud800', 'null'];

/** One to four edits: of a byte, of a stretch, or of a field's value. */
function mutate(text: string, random: () => number): string {
  const edits = 1 + Math.floor(random() * 4);
  let edited = text;
  for (let edit = 0; edit < edits; edit += 1) edited = mutateOnce(edited, random);
  return edited;
}

function mutateOnce(text: string, random: () => number): string {
  const pick = (from: string[]) => from[Math.floor(random() * from.length)] as string;
  const at = Math.floor(random() * (text.length + 1));
  const kind = random();
  if (kind < 0.15) return text.slice(0, at) + pick(noise) + text.slice(at);
  if (kind < 0.25) return text.slice(0, at) + text.slice(at + 1 + Math.floor(random() * 8));
  if (kind < 0.3) return text.slice(0, at);
  const fields = [...text.matchAll(/"[a-z_]+":("[^"]*"|-?[\d.]+|true|false|null)/g)];
  const field = fields[Math.floor(random() * fields.length)];
  if (!field?.[1]) return text + pick(noise);
  const from = field.index + field[0].length - field[1].length;
  return text.slice(0, from) + pick(hostile) + text.slice(from + field[1].length);
}
