/** The names of a meeting's sources, for command lines: the protocol's own come with all its schemas. */
import type { Source } from '@meetcast/protocol';

const names: Readonly<Record<Source, true>> = { mic: true, system: true };

const isSource = (name: string): name is Source => Object.hasOwn(names, name);

export const sources: readonly Source[] = Object.keys(names).filter(isSource);
