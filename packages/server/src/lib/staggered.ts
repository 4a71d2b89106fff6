/** Asks many to leave, one after the other: if all came back at once, whoever takes them in would be overrun. */

/** Timers are no finer. */
const leastWaitMs = 1;

/** Calls each item once, in random order, evenly over a time; resolves when all were called. */
export async function staggered<T>(
  items: Iterable<T>,
  ms: number,
  call: (item: T) => void,
  random: () => number = Math.random,
): Promise<void> {
  const order = shuffled(items, random);
  const from = performance.now();
  for (let done = 0; done < order.length; ) {
    const due = 1 + Math.floor(((performance.now() - from) / ms) * order.length);
    for (const item of order.slice(done, due)) call(item);
    done = Math.max(done, due);
    if (done >= order.length) return;
    const waitMs = Math.max(leastWaitMs, ms / order.length);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

function shuffled<T>(items: Iterable<T>, random: () => number): T[] {
  return [...items]
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
