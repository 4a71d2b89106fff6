/** What makes a served hub one node of many: a Redis they all know. */
import type { Cluster } from '@meetcast/server';
import { whyAway } from '../exit.ts';
import type { Output } from '../output.ts';
import { serveNote } from '../sentences.ts';
import type { StoragePlan } from './storage.ts';

export interface JoinedCluster {
  /** Ends with the hub that it is handed to. */
  cluster: Cluster;
  /** What people should know about it. */
  note: string;
}

/** Redis may start after the hub: nobody is turned away meanwhile. Without an address, the hub is alone. */
export async function joinCluster(
  url: string | undefined,
  storage: StoragePlan,
  output: Output,
): Promise<JoinedCluster | undefined> {
  if (url === undefined) return undefined;
  const { redis } = await import('@meetcast/server/redis');
  const cluster = redis({ url });
  const where = `Redis at ${new URL(url).host}`;
  sayWhetherThere(cluster, where, output);
  const reach = storage.name === 'sqlite' ? serveNote.thisMachine(storage.directory) : serveNote.thisPostgres;
  return { cluster, note: serveNote.inCluster(reach, where) };
}

/** Bus and registry share their connections. */
function sayWhetherThere({ bus }: Cluster, where: string, { emit, say }: Output): void {
  bus.remote?.watch((state, error) => {
    emit({ event: 'redis', status: state === 'away' ? 'down' : 'ok' });
    say(state === 'away' ? serveNote.redisAway(where, whyAway(error)) : serveNote.isBack(where));
  });
}
