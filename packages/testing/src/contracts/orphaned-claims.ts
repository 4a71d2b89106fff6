/** What a registry that outlives its nodes does about the claims of one that died: part of its contract. */
import type { Claim, MeetingRef, OrphanedClaim, Registry } from '@meetcast/server';
import { expect } from 'vitest';
import { type Contract, eventually } from './follow.ts';

export interface DyingNodes {
  readonly nodes: readonly [Registry, Registry];
  /**
   * The first node is gone as if its process had been killed: it gives nothing back and reaches nobody any more. For
   * instance its way to the others is cut. Needed by a registry with `watchOrphaned`.
   */
  die?(): Promise<void> | void;
}

export function orphansOf(opened: DyingNodes, meeting: MeetingRef) {
  const [, there] = opened.nodes;
  const watches: (() => void)[] = [];
  return {
    /** The orphaned claims of this meeting that the other node is told of, as they come. */
    watchOrphaned(againMs: number) {
      const told: OrphanedClaim[] = [];
      const end = there.watchOrphaned?.(againMs, (orphan) => {
        if (orphan.meeting.id === meeting.id) told.push(orphan);
      });
      if (end) watches.push(end);
      return { told, end: () => end?.() };
    },
    async hereDies() {
      if (!opened.die)
        throw new Error('a registry with watchOrphaned is checked by a node that dies: give `die` too');
      await opened.die();
    },
    endWatches() {
      for (const end of watches) end();
    },
  };
}

interface Stage extends ReturnType<typeof orphansOf> {
  readonly here: Registry;
  readonly there: Registry;
  readonly meeting: MeetingRef;
  claimed(node: Registry, session: string, source?: 'mic' | 'system'): Promise<Claim>;
  ingests(): Promise<readonly string[]>;
}

/** Longer than any test. */
const neverAgainMs = 600_000;

/** For a registry that outlives its nodes: another one has nothing to tell. */
const survived =
  (holds: (stage: Stage) => Promise<void>) =>
  async (stage: Stage): Promise<void> => {
    if (stage.there.watchOrphaned) await holds(stage);
  };

export const orphanedClaims: Contract<Stage> = {
  '[REG25] a claim whose node died is told to another, which gives it back, once': survived(
    async ({ here, there, meeting, claimed, watchOrphaned, hereDies }) => {
      const { told } = watchOrphaned(neverAgainMs);
      const claim = await claimed(here, 'a');
      const system = await claimed(there, 'b', 'system');
      await hereDies();
      await eventually(() => told).toHaveLength(1);
      expect(told[0]).toMatchObject({ meeting, source: 'mic', fence: claim.fence });
      expect(told[0]?.isHeardOut ?? false).toBe(false);
      expect(await system.release('finalized')).toBe('ongoing');
      expect(await told[0]?.release()).toBe('ended');
      expect(await told[0]?.release()).toBe(undefined);
      expect(told).toHaveLength(1);
    },
  ),

  '[REG26] one that nobody gives back is told again, until somebody claims the source': survived(
    async ({ here, there, claimed, ingests, watchOrphaned, hereDies }) => {
      const { told } = watchOrphaned(1);
      const claim = await claimed(here, 'a');
      await hereDies();
      await eventually(() => told.length).toBeGreaterThan(1);
      const newer = await claimed(there, 'b');
      expect(newer.fence).toBeGreaterThan(claim.fence);
      for (const orphan of told) expect(await orphan.release()).toBe(undefined);
      expect(newer.lost.aborted).toBe(false);
      expect(await ingests()).toEqual(['mic']);
    },
  ),

  '[REG27] what was given back or is held by a node that lives is not told, and who stopped watching is told nothing':
    survived(async ({ here, there, claimed, watchOrphaned, hereDies }) => {
      const ended = watchOrphaned(1);
      ended.end();
      ended.end();
      const { told } = watchOrphaned(1);
      await (await claimed(here, 'a')).release();
      await (await claimed(there, 'b')).markVacant();
      const orphaned = await claimed(here, 'c', 'system');
      await hereDies();
      await eventually(() => told.length).toBeGreaterThan(1);
      expect(new Set(told.map(({ source, fence }) => `${source} ${fence}`))).toEqual(
        new Set([`system ${orphaned.fence}`]),
      );
      expect(ended.told).toEqual([]);
    }),
};
