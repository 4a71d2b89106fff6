import { expect, test } from 'vitest';
import { ClusterReach } from '../src/cluster-reach.ts';
import { memoryBus, memoryRegistry } from '../src/index.ts';
import type { RemoteState } from '../src/lib/remote.ts';
import type { HubEvent } from '../src/watch/observer.ts';
import { clusterOf } from './support/nodes.ts';

function remotesOf() {
  const [node] = clusterOf(1);
  if (!node) throw new Error('a cluster has a node');
  const observed: HubEvent[] = [];
  const changes: RemoteState[] = [];
  const remotes = new ClusterReach(
    node,
    (event) => observed.push(event),
    (state) => changes.push(state),
  );
  return { bus: node.bus.remote, registry: node.registry.remote, observed, changes, remotes };
}

test('a node is isolated when the first of its ways is, and back when the last is; each is observed once', () => {
  const { bus, registry, observed, changes, remotes } = remotesOf();
  bus.cut();
  bus.cut();
  registry.cut();
  expect([changes, remotes.isAway]).toEqual([['away'], true]);
  bus.mend();
  expect([changes, remotes.isAway]).toEqual([['away'], true]);
  registry.mend();
  registry.mend();
  expect([changes, remotes.isAway]).toEqual([['away', 'back'], false]);
  const error = new Error('isolated');
  expect(observed).toEqual([
    { type: 'remote', part: 'bus', state: 'away', error },
    { type: 'remote', part: 'registry', state: 'away', error },
    { type: 'remote', part: 'bus', state: 'back' },
    { type: 'remote', part: 'registry', state: 'back' },
  ]);
});

test('a hub that is made while they are isolated knows it', () => {
  const [node] = clusterOf(1);
  node?.bus.remote.cut();
  const changes: RemoteState[] = [];
  if (node)
    new ClusterReach(
      node,
      () => {},
      (state) => changes.push(state),
    );
  expect(changes).toEqual(['away']);
});

test('a closed hub hears no more of adapters that outlive it', () => {
  const { bus, observed, changes, remotes } = remotesOf();
  remotes.close();
  bus.cut();
  expect([observed, changes]).toEqual([[], []]);
});

test('a single node has no ways, and is never isolated', () => {
  const remotes = new ClusterReach(
    { bus: memoryBus(), registry: memoryRegistry() },
    () => {},
    () => {},
  );
  expect([remotes.all, remotes.isAway]).toEqual([[], false]);
});
