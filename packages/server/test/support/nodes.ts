/** Nodes of one cluster in one process: each has a bus and a registry of its own, and can be isolated. */
import { type Bus, type MeetingRef, memoryBus, memoryRegistry, type Registry } from '../../src/index.ts';
import { meetingKey } from '../../src/lib/meeting.ts';
import type { Remote, RemoteState } from '../../src/lib/remote.ts';
import type { AudioNote } from '../../src/registry/registry.ts';

/** A way to the others that a test cuts. */
class Line implements Remote {
  readonly #watchers: ((state: RemoteState, error?: Error) => void)[] = [];
  #isCut = false;

  get isCut(): boolean {
    return this.#isCut;
  }

  async ping(): Promise<void> {
    if (this.#isCut) throw new Error('isolated');
  }

  watch(onChange: (state: RemoteState, error?: Error) => void): void {
    this.#watchers.push(onChange);
    if (this.#isCut) onChange('away', new Error('isolated'));
  }

  cut(): void {
    this.#isCut = true;
    for (const watcher of this.#watchers) watcher('away', new Error('isolated'));
  }

  mend(): void {
    this.#isCut = false;
    for (const watcher of this.#watchers) watcher('back');
  }
}

export interface Node {
  readonly bus: Bus & { readonly remote: Line };
  readonly registry: Registry & { readonly remote: Line };
}

/** A bus that is cut loses what goes between the nodes; the registries stay one, whatever their lines say. */
export function clusterOf(count: number): Node[] {
  const shared = memoryRegistry();
  const notes = new Map<string, AudioNote & { readonly node: number }>();
  const buses = Array.from({ length: count }, () => ({ local: memoryBus(), remote: new Line() }));

  const busOf = (node: number, { local, remote }: { local: Bus; remote: Line }) => ({
    ...local,
    remote,
    async publish(...args: Parameters<Bus['publish']>) {
      await local.publish(...args);
      for (const [other, { local: theirs, remote: line }] of buses.entries()) {
        if (other !== node && !remote.isCut && !line.isCut) await theirs.publish(...args);
      }
    },
  });

  const registryOf = (node: number): Node['registry'] => ({
    ...shared,
    remote: new Line(),
    async claim(meeting, source, ...more) {
      const claim = await shared.claim(meeting, source, ...more);
      if (claim.kind === 'held') return claim;
      const key = `${meetingKey(meeting)} ${source} ${node}`;
      return { ...claim, note: (audio) => void notes.set(key, { ...audio, source, node }) };
    },
    async counts(meeting: MeetingRef) {
      const elsewhere = [...notes]
        .filter(([key, note]) => key.startsWith(`${meetingKey(meeting)} `) && note.node !== node)
        .map(([, { node: _node, ...note }]) => note);
      return { ...(await shared.counts(meeting)), elsewhere };
    },
  });

  return buses.map((bus, node) => ({ bus: busOf(node, bus), registry: registryOf(node) }));
}
