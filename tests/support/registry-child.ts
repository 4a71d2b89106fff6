/** A node's registry in a process of its own, to be killed or stopped: it does what the parent says. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Claim } from '@meetcast/server';
import { redisRegistry } from '@meetcast/server/redis';
import { Cluster } from 'ioredis';
import type { RegistryAnswer, RegistryOrder, RegistrySettings } from './registry-process.ts';

const { leaseMs, ...where }: RegistrySettings = JSON.parse(process.env.REGISTRY_SETTINGS ?? '{}');
const connect = 'url' in where ? where : { client: new Cluster(where.cluster, { lazyConnect: true }) };
const registry = redisRegistry({ ...connect, leaseMs });
const claims: Claim[] = [];
const tell = (answer: RegistryAnswer) => process.send?.(answer);

/** Until it has met Redis it would decide alone. */
async function there(): Promise<void> {
  while (await registry.remote?.ping().catch(() => true)) await delay(20);
}

async function obey(order: RegistryOrder): Promise<void> {
  const { kind, meeting, name } = order;
  if (kind === 'seat') return void tell({ kind: (await registry.seat(meeting, name, order.seats)).kind });
  if (kind === 'release') {
    const what = await claims.pop()?.release(order.how);
    return void tell({ kind: 'released', what });
  }
  if (kind === 'vacate') {
    await claims.at(-1)?.markVacant();
    return void tell({ kind: 'vacated' });
  }
  const claim = await registry.claim(meeting, order.source, name);
  if (claim.kind === 'held') return void tell({ kind: 'held' });
  claims.push(claim);
  claim.lost.addEventListener('abort', () => tell({ kind: 'lost', fence: claim.fence }));
  claim.wanted.addEventListener('abort', () => tell({ kind: 'wanted' }));
  tell({ kind: 'claim', fence: claim.fence });
}

const met = there();
process.on('message', (order: RegistryOrder) => void met.then(() => obey(order)));
process.on('disconnect', () => process.exit());
