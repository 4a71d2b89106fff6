/** What makes a served hub one node of many: a Redis they all know. */
import type { Bus, Registry } from '@meetcast/server';
import { whyAway } from '../exit.ts';
import type { Output } from '../output.ts';
import { serveNote } from '../sentences.ts';
import type { StoragePlan } from './storage.ts';

export interface Cluster {
  adapters: { bus: Bus; registry: Registry };
  /** What people should know about it. */
  note: string;
  close(): Promise<void>;
}

/** Redis may start after the hub: nobody is turned away meanwhile. Without an address, the hub is alone. */
export async function joinCluster(
  url: string | undefined,
  storage: StoragePlan,
  output: Output,
): Promise<Cluster | undefined> {
  if (url === undefined) return undefined;
  const { redisBus, redisRegistry } = await import('@meetcast/server/redis');
  const adapters = { bus: redisBus({ url }), registry: redisRegistry({ url }) };
  const where = `Redis at ${new URL(url).host}`;
  sayWhetherThere(adapters, where, output);
  const reach = storage.name === 'sqlite' ? serveNote.thisMachine(storage.directory) : serveNote.thisPostgres;
  return {
    adapters,
    note: serveNote.inCluster(reach, where),
    close: async () => {
      await adapters.bus.close();
      await adapters.registry.close();
    },
  };
}

/** Both have a connection of their own; people are told once. */
function sayWhetherThere(adapters: Cluster['adapters'], where: string, { emit, say }: Output): void {
  const away = new Set<string>();
  for (const [name, { remote }] of Object.entries(adapters)) {
    remote?.watch((state, error) => {
      const wasAway = away.size > 0;
      if (state === 'away') away.add(name);
      else away.delete(name);
      if (wasAway === away.size > 0) return;
      emit({ event: 'redis', status: wasAway ? 'ok' : 'down' });
      say(wasAway ? serveNote.isBack(where) : serveNote.redisAway(where, whyAway(error)));
    });
  }
}
