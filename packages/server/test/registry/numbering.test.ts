import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { BlockNumbering, blockSize } from '../../src/registry/numbering.ts';

/** A registry that answers when the test says so. */
class Supply {
  readonly asked: number[] = [];
  #answer: (first: number | undefined) => void = () => {};
  #refuse: (error: Error) => void = () => {};
  #alone = 1_000_000;

  take(atLeast: number): Promise<number | undefined> {
    this.asked.push(atLeast);
    return new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#refuse = reject;
    });
  }

  alone(atLeast: number): number {
    this.#alone = Math.max(this.#alone + 1, atLeast);
    return this.#alone;
  }

  async answer(first: number | undefined): Promise<void> {
    this.#answer(first);
    await turn();
  }

  async refuse(): Promise<void> {
    this.#refuse(new Error('not now'));
    await turn();
  }
}

const some = (numbering: BlockNumbering, count: number) =>
  Array.from({ length: count }, () => numbering.next());
const row = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);

async function begun(first: number | undefined, atLeast = 1) {
  const supply = new Supply();
  const numbering = new BlockNumbering(supply, atLeast);
  const taken = numbering.takeAhead();
  await supply.answer(first);
  await taken;
  return { supply, numbering };
}

test('when half a block is used the next one is taken, once, and follows it', async () => {
  const { supply, numbering } = await begun(11, 5);
  expect(some(numbering, blockSize / 2 - 1)).toEqual(row(11, blockSize / 2 - 1));
  expect(supply.asked).toEqual([5]);
  some(numbering, 3);
  expect(supply.asked).toEqual([5, 11 + blockSize]);
  await supply.answer(500);
  const rest = blockSize / 2 - 2;
  expect(some(numbering, rest + 2)).toEqual([...row(11 + blockSize - rest, rest), 500, 501]);
});

test('with a registry that never answers it goes on alone when a block is used up, and asks once', async () => {
  const { supply, numbering } = await begun(1);
  const numbers = some(numbering, 10 * blockSize);
  expect(numbers.slice(0, blockSize)).toEqual(row(1, blockSize));
  expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
  expect(supply.asked).toHaveLength(2);
});

test('without a registry from the start it goes on alone, and takes a block as soon as it can', async () => {
  const { supply, numbering } = await begun(undefined, 7);
  const alone = numbering.next();
  expect(alone).toBeGreaterThan(7);
  await supply.refuse();
  expect(numbering.next()).toBe(alone + 1);
  await supply.answer(2_000_000);
  expect(numbering.next()).toBe(2_000_000);
  expect(supply.asked).toEqual([7, alone + 1, alone + 2]);
});

test('a block below what was given alone meanwhile is left out: numbers of a source rise', async () => {
  const { supply, numbering } = await begun(1);
  const last = some(numbering, blockSize + 1).at(-1) ?? 0;
  await supply.answer(blockSize + 1);
  expect(numbering.next()).toBe(last + 1);
  expect(supply.asked.at(-1)).toBe(last + 2);
});

test('a registry that errs when it is asked at first is not taken for one that is away', async () => {
  const supply = new Supply();
  const taken = new BlockNumbering(supply, 1).takeAhead();
  void supply.refuse();
  await expect(taken).rejects.toThrow('not now');
});
