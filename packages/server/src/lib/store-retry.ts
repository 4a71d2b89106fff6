/** How long to wait before a store that failed is asked again. Pure. */

/** Ceilings of the first and the longest wait: the longest bounds how long after its return a store is noticed. */
const firstMs = 100;
const longestMs = 1_000;

/** Between half a ceiling and the whole of it; the ceiling doubles with each failure in a row. */
export function storeRetryMs(failures: number, random: () => number = Math.random): number {
  const ceilingMs = Math.min(longestMs, firstMs * 2 ** (failures - 1));
  return (ceilingMs * (1 + random())) / 2;
}
