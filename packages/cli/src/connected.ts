/** Waits for the first connection of a link, and gives up where retrying for ever would hide the reason. */
import type { CloseInfo, ConnectionChange, ConnectionStatus } from '@meetcast/client';
import { connectFailure, isRefusal, type Loss } from './failure.ts';
import type { Hub } from './hub-options.ts';
import type { Output } from './output.ts';
import { hubProblem, linkNote, sentence } from './sentences.ts';

/** A publisher or a subscription. */
export interface Linked {
  readonly connection: ConnectionStatus;
  readonly closed: Promise<CloseInfo>;
  on(type: 'connection', listener: (change: ConnectionChange) => void): () => void;
  close(): void;
}

/** Waits between tries: short enough that several fit into a connect timeout. */
export const backoff = { minMs: 500, maxMs: 5_000 } as const;

/** Resolves once the hub has greeted; otherwise closes the link and rejects with a CliError. */
export async function connected(link: Linked, hub: Hub, output: Output): Promise<void> {
  let last: Loss = {};
  let timer: NodeJS.Timeout | undefined;
  let off = () => {};
  try {
    await new Promise<void>((resolve, reject) => {
      const giveUp = (loss: Loss) => reject(connectFailure(hub.url, loss));
      timer = setTimeout(() => giveUp(last), hub.connectTimeoutMs);
      off = link.on('connection', (change) => {
        if (change.status === 'connected') return resolve();
        if (change.status !== 'reconnecting') return;
        // A minted token is never the refused one again, so the link itself would go on trying.
        if (isRefusal(change)) return giveUp(change);
        if (last.reason !== change.reason)
          output.say(linkNote.connecting(hub.url, change.reason ?? hubProblem.noAnswer));
        last = change;
      });
      void link.closed.then(giveUp);
      if (link.connection === 'connected') resolve();
    });
  } catch (error) {
    link.close();
    throw error;
  } finally {
    clearTimeout(timer);
    off();
  }
}

/** What a person should know about a link that was there before; nothing where there is nothing to say. */
export function connectionNote({
  status,
  reason = hubProblem.noReason,
  retryInMs = 0,
}: ConnectionChange): string | undefined {
  if (status === 'connected') return linkNote.back;
  if (status !== 'reconnecting') return undefined;
  return linkNote.lost(sentence(reason), (retryInMs / 1000).toFixed(1));
}
