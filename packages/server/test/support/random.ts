/** A random number in [0, 1) that a seed repeats. */
export { mulberry32 as seeded } from '@meetcast/testing';
