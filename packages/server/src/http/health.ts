/** Whether the hub and what it stands on are well. */
import type { Health, HealthDetailed } from '@meetcast/protocol';
import { withTimeout } from '../lib/with-timeout.ts';
import type { OpenCall, RestContext } from './endpoint.ts';
import { type HubResponse, json } from './exchange.ts';

export async function health({ context }: OpenCall): Promise<HubResponse> {
  const { storage, redis } = await partsOf(context);
  const body: Health = { redis: redis.status, storage: storage.status, version: context.version };
  return json(body, [redis, storage].some(({ status }) => status === 'down') ? 503 : 200);
}

export async function healthDetailed({ context }: OpenCall): Promise<HubResponse> {
  const parts = await partsOf(context);
  const isDown = Object.values(parts).some(({ status }) => status === 'down');
  const body: HealthDetailed = {
    status: isDown ? 'down' : 'ok',
    version: context.version,
    uptime_seconds: Math.round(process.uptime()),
    parts,
  };
  return json(body, isDown ? 503 : 200);
}

interface Part {
  readonly status: 'ok' | 'down' | 'off';
  readonly latency_ms?: number;
}

/** How long a part may take to answer before it counts as down. */
const patienceMs = 2_000;

async function partsOf({ store, cluster }: RestContext): Promise<{ storage: Part; redis: Part }> {
  const [storage, redis] = await Promise.all([
    partOf(() => store.ping()),
    cluster.length === 0
      ? { status: 'off' as const }
      : partOf(async () => void (await Promise.all(cluster.map((remote) => remote.ping())))),
  ]);
  return { storage, redis };
}

async function partOf(ping: () => Promise<void>): Promise<Part> {
  const from = performance.now();
  const answer = ping().then(
    () => 'ok' as const,
    () => 'down' as const,
  );
  const status = await withTimeout(answer, patienceMs, () => 'down' as const);
  return { status, latency_ms: performance.now() - from };
}
