/** A hub that can go and come back at the same address, and never after it was closed. */
import { freePort } from '../network/free-port.ts';
import type { ChangeHub } from './scenario.ts';

/** What it is made of. */
export interface HubParts {
  /** It verifies tokens with it: HS256, for the audience and from the issuer `meetcast`. */
  secret: string;
  /** Of the recognizer, by the road that can be hurt. */
  endpoint: string;
  /** Times real time that people speak. */
  speed: number;
  /** How many times real time the recognizer takes at most. */
  pace: number;
  /** Undefined: transcripts are in memory. */
  folder: string | undefined;
  /** Of a hub in this process. */
  changeHub: ChangeHub;
  /** The hub's process does not outlive it. */
  signal: AbortSignal;
}

/** One that listens now. */
export interface ListeningHub {
  /** Resolves when it is gone; may be called again. */
  leave(): Promise<void>;
}

export interface LocalHub {
  readonly url: string;
  /** Resolves when it listens again. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export type OpenHub = (parts: HubParts) => Promise<LocalHub>;

export const localHost = '127.0.0.1';

export async function localHub(listen: (port: number) => Promise<ListeningHub>): Promise<LocalHub> {
  const port = await freePort();
  let hub = await listen(port);
  let turn: Promise<void> = Promise.resolve();
  let isClosed = false;
  const inTurn = (act: () => Promise<void>) => {
    turn = turn.then(act, act);
    return turn;
  };
  return {
    url: `http://${localHost}:${port}`,
    restart: () =>
      inTurn(async () => {
        await hub.leave();
        if (!isClosed) hub = await listen(port);
      }),
    close: () => {
      isClosed = true;
      return inTurn(() => hub.leave());
    },
  };
}
