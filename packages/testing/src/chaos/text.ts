/** Numbers as people read them in a sentence. */

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export const count = (number: number, one: string): string => `${number} ${number === 1 ? one : `${one}s`}`;
