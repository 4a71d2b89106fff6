/** The way of an adapter to the other nodes; it may be down. */

/** `away`: what this node says and hears stays on this node. `back`: it reaches the others again, but missed some. */
export type RemoteState = 'away' | 'back';

export interface Remote {
  /** Resolves if the other nodes can be reached now, rejects with why not. */
  ping(): Promise<void>;
  /** Calls back at every change. `error` says why it is away. A watcher that is late is told of an `away` at once. */
  watch(onChange: (state: RemoteState, error?: Error) => void): void;
}
