/** What makes a hub one node of many, as one part: a bus and a registry, opened and closed together. */
import type { Registry } from '../registry/registry.ts';
import type { Bus } from './bus.ts';

/** It is for the one hub that it is handed to, and ends with it. */
export interface Cluster {
  readonly bus: Bus;
  readonly registry: Registry;
  /** Gives back what this node holds, and ends the connections that were opened for it. Idempotent. */
  close(): Promise<void>;
}
