/** Whether this node reaches the others: its bus and its registry, if they have a way there. */
import type { Bus } from './bus/bus.ts';
import { present } from './lib/present.ts';
import type { Remote, RemoteState } from './lib/remote.ts';
import type { Registry } from './registry/registry.ts';
import type { Observe } from './watch/observer.ts';

export type RemotePart = 'bus' | 'registry';

export class ClusterReach {
  /** Those that there are. */
  readonly all: readonly Remote[];
  readonly #away = new Set<RemotePart>();
  readonly #observe: Observe;
  /** Called with `away` when the first of them is, and with `back` when none is any longer. */
  readonly #onChange: (state: RemoteState) => void;
  #isClosed = false;

  constructor(
    parts: { bus: Bus | undefined; registry: Registry },
    observe: Observe,
    onChange: (state: RemoteState) => void,
  ) {
    this.#observe = observe;
    this.#onChange = onChange;
    const { bus, registry } = parts;
    this.all = [bus?.remote, registry.remote].filter((remote) => remote !== undefined);
    bus?.remote?.watch((state, error) => this.#changed('bus', state, error));
    registry.remote?.watch((state, error) => this.#changed('registry', state, error));
  }

  get isAway(): boolean {
    return this.#away.size > 0;
  }

  /** Hears no more: an adapter may outlive its hub. */
  close(): void {
    this.#isClosed = true;
  }

  #changed(part: RemotePart, state: RemoteState, error: Error | undefined): void {
    const isChange = this.#away.has(part) !== (state === 'away');
    if (this.#isClosed || !isChange) return;
    const wasAway = this.isAway;
    if (state === 'away') this.#away.add(part);
    else this.#away.delete(part);
    this.#observe({ type: 'remote', part, state, ...present({ error }) });
    if (this.isAway !== wasAway) this.#onChange(state);
  }
}
