/** The contract of every Registry. A new adapter's test file is one call. */
import type { AudioNote, Claim, MeetingRef, Registry } from '@meetcast/server';
import { expect, vi } from 'vitest';
import { freshMeeting } from './entries.ts';
import { type Contract, eventually, follow } from './follow.ts';
import { type DyingNodes, orphanedClaims, orphansOf } from './orphaned-claims.ts';

/** Two nodes of one cluster; a registry for a single node is given twice. `close` ends what `open` opened besides them. */
export interface RegistryNodes extends DyingNodes {
  close?(): Promise<void>;
}

/** The registries are closed after each test. */
export function registryContract(name: string, open: () => Promise<RegistryNodes> | RegistryNodes): void {
  follow(name, contract, async () => {
    const opened = await open();
    // Until a node has met the others it decides alone.
    for (const { remote } of opened.nodes) await vi.waitFor(() => remote?.ping(), { timeout: 60_000 });
    const stage = stageOf(opened);
    const close = async () => {
      stage.endWatches();
      await Promise.all([...new Set(opened.nodes)].map((node) => node.close()));
      await opened.close?.();
    };
    return { stage, close };
  });
}

function stageOf(nodes: RegistryNodes) {
  const [here, there] = nodes.nodes;
  const meeting = freshMeeting();
  async function claimed(
    node: Registry,
    session: string,
    source: 'mic' | 'system' = 'mic',
    above?: number,
  ): Promise<Claim> {
    const claim = await node.claim(meeting, source, session, { above });
    if (claim.kind !== 'claim') throw new Error(`${session} was told that ${source} is held`);
    return claim;
  }
  return {
    here,
    there,
    meeting,
    claimed,
    held: (node: Registry, session: string) => node.claim(meeting, 'mic', session),
    ingests: async () => (await there.counts(meeting)).ingests,
    /** A claim whose sender may come back. */
    async vacated(node: Registry, session: string): Promise<Claim> {
      const claim = await claimed(node, session);
      await claim.markVacant();
      return claim;
    },
    vacant: async () => (await there.counts(meeting)).vacant,
    ...orphansOf(nodes, meeting),
  };
}

type Stage = ReturnType<typeof stageOf>;

const heard = (receivedMs: number): Omit<AudioNote, 'source'> => ({
  epoch: 'an epoch, with a comma',
  receivedMs,
  forwardedMs: receivedMs - 0.5,
  coveredMs: 0,
  positionMs: receivedMs + 7_000,
});

const elsewhereIn = async (meeting: MeetingRef, node: Registry) => (await node.counts(meeting)).elsewhere;

/** The vacant claim is the session's named `a`. */
const wanted =
  (session: string) =>
  async ({ here, there, meeting, vacated, vacant }: Stage) => {
    const claim = await vacated(here, 'a');
    const ask = () => there.claim(meeting, 'mic', session, { isAnew: true });
    expect(claim.wanted.aborted).toBe(false);
    expect(await ask()).toEqual({ kind: 'held', draining: true });
    await eventually(() => claim.wanted.aborted).toBe(true);
    expect(await vacant()).toEqual(['mic']);
    expect(claim.lost.aborted).toBe(false);
    await claim.release();
    expect(await ask()).toMatchObject({ kind: 'claim' });
  };

const contract: Contract<Stage> = {
  '[ING19] a source of a meeting has one claim in the whole cluster': async ({
    here,
    there,
    claimed,
    held,
  }) => {
    await claimed(here, 'a');
    expect(await held(there, 'b')).toEqual({ kind: 'held', draining: false });
    expect(await held(here, 'c')).toEqual({ kind: 'held', draining: false });
  },

  '[REG1] of twenty sessions that claim at once on two nodes one gets it': async ({
    here,
    there,
    meeting,
    ingests,
  }) => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? here : there).claim(meeting, 'mic', `s${index}`)),
    );
    expect(answers.filter(({ kind }) => kind === 'claim')).toHaveLength(1);
    expect(await ingests()).toEqual(['mic']);
  },

  '[REG2] sources, meetings and tenants are claimed apart': async ({
    here,
    there,
    meeting,
    claimed,
    ingests,
  }) => {
    await claimed(here, 'a', 'mic');
    await claimed(there, 'b', 'system');
    const elsewhere = [freshMeeting(), { ...meeting, tenant: 'globex' }];
    for (const other of elsewhere) {
      expect(await there.claim(other, 'mic', 'c')).toMatchObject({ kind: 'claim' });
    }
    expect([...(await ingests())].sort()).toEqual(['mic', 'system']);
  },

  '[REG3] the session that holds a claim may claim it again: higher fence, and the older one is lost':
    async ({ here, there, claimed, held }) => {
      const older = await claimed(here, 'a');
      expect(older.lost.aborted).toBe(false);
      const newer = await claimed(there, 'a');
      expect(newer.fence).toBeGreaterThan(older.fence);
      await eventually(() => older.lost.aborted).toBe(true);
      expect(newer.lost.aborted).toBe(false);
      expect(await held(here, 'b')).toMatchObject({ kind: 'held' });
    },

  '[REG4] every claim of a source has a higher fence than all before it, released ones too': async ({
    here,
    there,
    claimed,
  }) => {
    const fences: number[] = [];
    for (const [index, session] of ['a', 'a', 'b', 'c', 'c'].entries()) {
      const claim = await claimed(index % 2 ? here : there, session);
      fences.push(claim.fence);
      if (index !== 0 && index !== 3) await claim.release();
    }
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    expect(fences.every(Number.isSafeInteger)).toBe(true);
  },

  '[REG5] a draining claim is still held, and says so to a newcomer': async ({
    here,
    there,
    claimed,
    held,
  }) => {
    const claim = await claimed(here, 'a');
    await claim.markDraining();
    expect(await held(there, 'b')).toEqual({ kind: 'held', draining: true });
    const again = await claimed(there, 'a');
    expect(await held(here, 'b')).toEqual({ kind: 'held', draining: false });
    await again.release();
  },

  '[REG6] a drain of a lost claim does not mark its successor': async ({ here, there, claimed, held }) => {
    const older = await claimed(here, 'a');
    await claimed(there, 'a');
    await older.markDraining();
    expect(await held(here, 'b')).toEqual({ kind: 'held', draining: false });
  },

  '[ING20] a vacant claim is told apart from what is being sent, and from nothing': async ({
    here,
    there,
    claimed,
    ingests,
    vacated,
    vacant,
  }) => {
    const before = await there.totals();
    const claim = await vacated(here, 'a');
    expect([await ingests(), await vacant()]).toEqual([[], ['mic']]);
    expect(await there.totals()).toEqual(before);
    await claimed(there, 'b', 'system');
    expect([await ingests(), await vacant()]).toEqual([['system'], ['mic']]);
    await claim.release();
    expect([await ingests(), await vacant()]).toEqual([['system'], []]);
    const counted = { meetings: before.meetings + 1, ingests: before.ingests + 1 };
    expect(await there.totals()).toMatchObject(counted);
  },

  '[ING20] the same session has a vacant claim at once: higher fence, and the older one is lost': async ({
    here,
    there,
    claimed,
    held,
    ingests,
    vacated,
    vacant,
  }) => {
    const older = await vacated(here, 'a');
    const newer = await claimed(there, 'a');
    expect(newer.fence).toBeGreaterThan(older.fence);
    await eventually(() => older.lost.aborted).toBe(true);
    expect(older.wanted.aborted).toBe(false);
    expect([await ingests(), await vacant()]).toEqual([['mic'], []]);
    await older.markVacant();
    expect(await vacant()).toEqual([]);
    expect(await held(here, 'b')).toEqual({ kind: 'held', draining: false });
    expect(await newer.release()).toBe('idle');
  },

  '[ING20] another session waits for a vacant claim, whose holder hears that it is wanted': wanted('b'),
  '[ING20] the same, anew waits for a vacant claim, whose holder hears that it is wanted': wanted('a'),

  '[ING20] nobody wants a claim that is sent, but one that drains; who begins anew waits for that': async ({
    here,
    there,
    meeting,
    claimed,
    held,
  }) => {
    const claim = await claimed(here, 'a');
    await held(there, 'b');
    await claim.markDraining();
    expect(claim.wanted.aborted).toBe(false);
    const anew = { isAnew: true };
    expect(await there.claim(meeting, 'mic', 'a', anew)).toEqual({ kind: 'held', draining: true });
    await eventually(() => claim.wanted.aborted).toBe(true);
    await claim.markVacant();
    const next = await claimed(there, 'a');
    expect(await here.claim(meeting, 'mic', 'a', anew)).toMatchObject({ kind: 'claim' });
    await eventually(() => next.lost.aborted).toBe(true);
  },

  '[ING15] a vacant claim keeps its meeting, which ends with it if the other source was finalized meanwhile':
    async ({ here, there, claimed, vacated }) => {
      const [mic, system] = [await vacated(here, 'a'), await claimed(there, 'b', 'system')];
      expect(await system.release('finalized')).toBe('ongoing');
      expect(await mic.release()).toBe('ended');
      const [first, second] = [await vacated(here, 'c'), await claimed(there, 'd', 'system')];
      expect(await second.release()).toBe('ongoing');
      expect(await first.release()).toBe('idle');
    },

  '[ING15] a sender that was still drained when the other source was finalized was gone by then': async ({
    here,
    there,
    claimed,
  }) => {
    const [mic, system] = [await claimed(here, 'a', 'mic'), await claimed(there, 'b', 'system')];
    await mic.markDraining();
    expect(await system.release('finalized')).toBe('ongoing');
    await mic.markVacant();
    expect(await mic.release()).toBe('ended');
  },

  '[ING15] a sender that was gone, came back and is gone again has no end left from before': async ({
    here,
    there,
    claimed,
    vacated,
  }) => {
    await vacated(here, 'a');
    const system = await claimed(there, 'b', 'system');
    expect(await system.release('finalized')).toBe('ongoing');
    const again = await claimed(there, 'a');
    await again.markVacant();
    expect(await again.release()).toBe('idle');
  },

  '[REG7] a released source can be claimed by anyone': async ({ here, there, claimed, held, ingests }) => {
    await (await claimed(here, 'a')).release();
    expect(await ingests()).toEqual([]);
    await claimed(there, 'b');
    expect(await held(here, 'a')).toMatchObject({ kind: 'held' });
  },

  '[REG8] release says whether the meeting goes on, and how it is left by its last source': async ({
    here,
    there,
    claimed,
  }) => {
    const [mic, system] = [await claimed(here, 'a', 'mic'), await claimed(there, 'b', 'system')];
    expect(await mic.release()).toBe('ongoing');
    expect(await system.release()).toBe('idle');
    const [first, last] = [await claimed(here, 'c', 'mic'), await claimed(there, 'd', 'system')];
    expect(await first.release('finalized')).toBe('ongoing');
    expect(await last.release()).toBe('idle'); // It was sent while the other one was finalized.
    const only = await claimed(here, 'e');
    expect(await only.release('finalized')).toBe('ended');
  },

  '[REG9] releasing twice is the same as once, whoever has claimed in between': async ({
    here,
    there,
    claimed,
    held,
    ingests,
  }) => {
    const first = await claimed(here, 'a');
    await first.release();
    await claimed(there, 'b');
    expect(await first.release()).toBe('ongoing');
    expect(await ingests()).toEqual(['mic']);
    expect(await held(here, 'c')).toMatchObject({ kind: 'held' });
  },

  '[REG10] releasing a lost claim takes nothing from its successor': async ({
    here,
    there,
    claimed,
    held,
    ingests,
  }) => {
    const older = await claimed(here, 'a');
    const newer = await claimed(there, 'a');
    await older.release();
    expect(await ingests()).toEqual(['mic']);
    expect(await held(here, 'b')).toMatchObject({ kind: 'held' });
    expect(newer.lost.aborted).toBe(false);
    expect(await newer.release()).toBe('idle');
  },

  '[SUB11] a meeting has so many seats in the whole cluster': async ({ here, there, meeting }) => {
    const seats = [await here.seat(meeting, 'v1', 2), await there.seat(meeting, 'v2', 2)];
    expect(seats.map(({ kind }) => kind)).toEqual(['seat', 'seat']);
    expect(await here.seat(meeting, 'v3', 2)).toEqual({ kind: 'full' });
    expect(await there.seat(meeting, 'v3', 2)).toEqual({ kind: 'full' });
    expect((await here.counts(meeting)).subscribers).toBe(2);
    if (seats[0]?.kind === 'seat') await seats[0].release();
    expect(await there.seat(meeting, 'v3', 2)).toMatchObject({ kind: 'seat' });
  },

  '[REG11] thirty viewers at once on two nodes get five of five seats': async ({ here, there, meeting }) => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => (index % 2 ? here : there).seat(meeting, `v${index}`, 5)),
    );
    expect(answers.filter(({ kind }) => kind === 'seat')).toHaveLength(5);
    expect((await there.counts(meeting)).subscribers).toBe(5);
  },

  '[REG12] giving a seat back twice is the same as once': async ({ here, there, meeting }) => {
    const seat = await here.seat(meeting, 'v1', 1);
    if (seat.kind !== 'seat') throw new Error('the first seat was refused');
    await seat.release();
    expect(await there.seat(meeting, 'v2', 1)).toMatchObject({ kind: 'seat' });
    await seat.release();
    expect(await here.seat(meeting, 'v3', 1)).toEqual({ kind: 'full' });
    expect((await here.counts(meeting)).subscribers).toBe(1);
  },

  '[REG13] seats of other meetings and tenants are counted apart': async ({ here, there, meeting }) => {
    await here.seat(meeting, 'v1', 1);
    expect(await there.seat({ ...meeting, tenant: 'globex' }, 'v2', 1)).toMatchObject({ kind: 'seat' });
    expect(await there.seat(freshMeeting(), 'v3', 1)).toMatchObject({ kind: 'seat' });
  },

  '[REG14] counts of a meeting nobody is in are zero': async ({ here, meeting }) => {
    expect(await here.counts(meeting)).toEqual({ subscribers: 0, ingests: [], vacant: [], elsewhere: [] });
  },

  '[REG15] totals count the meetings, viewers and senders of the whole cluster': async ({
    here,
    there,
    meeting,
    claimed,
  }) => {
    const before = await there.totals();
    const claim = await claimed(here, 'a');
    await claimed(there, 'b', 'system');
    const seat = await here.seat(meeting, 'v1', 20);
    await there.seat(freshMeeting(), 'v2', 20);
    const during = await there.totals();
    expect(during).toEqual({
      meetings: before.meetings + 2,
      subscribers: before.subscribers + 2,
      ingests: before.ingests + 2,
    });
    await claim.release();
    if (seat.kind === 'seat') await seat.release();
    expect(await here.totals()).toEqual({
      meetings: before.meetings + 2,
      subscribers: before.subscribers + 1,
      ingests: before.ingests + 1,
    });
  },

  '[LOG4] two hundred segment numbers asked for at once on two nodes are all different': async ({
    here,
    there,
    meeting,
  }) => {
    const numbers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => (index % 2 ? here : there).nextSegmentNo(meeting, 1)),
    );
    expect(new Set(numbers).size).toBe(200);
    expect(numbers.every((number) => Number.isSafeInteger(number) && number >= 1)).toBe(true);
  },

  '[REG16] no segment number is below atLeast, and none comes twice after a jump': async ({
    here,
    there,
    meeting,
  }) => {
    const first = await here.nextSegmentNo(meeting, 1);
    const jumped = await there.nextSegmentNo(meeting, 500);
    expect(jumped).toBeGreaterThanOrEqual(500);
    const after = await here.nextSegmentNo(meeting, 1);
    const again = await there.nextSegmentNo(meeting, 500);
    expect(new Set([first, jumped, after, again]).size).toBe(4);
    expect(Math.min(jumped, again)).toBeGreaterThanOrEqual(500);
  },

  '[REG17] numbers stay unique when many ask with different floors at once': async ({
    here,
    there,
    meeting,
  }) => {
    const floors = Array.from({ length: 60 }, (_, index) => 1 + ((index * 7) % 20));
    const numbers = await Promise.all(
      floors.map((floor, index) => (index % 2 ? here : there).nextSegmentNo(meeting, floor)),
    );
    expect(new Set(numbers).size).toBe(60);
    for (const [index, floor] of floors.entries()) expect(numbers[index]).toBeGreaterThanOrEqual(floor);
  },

  '[REG18] meetings and tenants count their segments apart': async ({ here, there, meeting }) => {
    await here.nextSegmentNo(meeting, 400);
    expect(await there.nextSegmentNo({ ...meeting, tenant: 'globex' }, 1)).toBeLessThan(400);
  },

  '[REG19] numberings on two nodes, and who asks for one number at a time, never get one twice': async ({
    here,
    there,
    meeting,
  }) => {
    const numberings = await Promise.all(
      [here, here, there, there].map((node) => node.numbering(meeting, 1)),
    );
    const given: number[][] = numberings.map(() => []);
    const asked: number[] = [];
    for (let turn = 0; turn < 300; turn += 1) {
      for (const [index, numbering] of numberings.entries()) given[index]?.push(numbering.next());
      if (turn % 10 === 0) asked.push(await (turn % 20 ? here : there).nextSegmentNo(meeting, 1));
    }
    for (const numbers of given) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    const all = [...given.flat(), ...asked];
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((number) => Number.isSafeInteger(number) && number >= 1)).toBe(true);
  },

  '[REG20] a numbering gives none below its floor, and its numbers at once': async ({
    here,
    there,
    meeting,
  }) => {
    await there.nextSegmentNo(meeting, 700);
    const numbering = await here.numbering(meeting, 500);
    const numbers = Array.from({ length: 500 }, () => numbering.next());
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(500);
    expect(new Set(numbers).size).toBe(500);
    expect(await there.nextSegmentNo(meeting, numbers[0] ?? 0)).not.toBe(numbers[0]);
  },

  '[REG21] a claim that is to be above a fence is, and so are those after it': async ({
    here,
    there,
    meeting,
    claimed,
  }) => {
    const first = await claimed(here, 'a');
    const far = first.fence + 3_600_000_000;
    const raised = await claimed(here, 'a', 'mic', far);
    expect(raised.fence).toBeGreaterThan(far);
    expect(raised.lost.aborted).toBe(false);
    await eventually(() => first.lost.aborted).toBe(true);
    expect((await claimed(there, 'a', 'mic', first.fence)).fence).toBeGreaterThan(raised.fence);
    expect(await there.claim(meeting, 'mic', 'b', { above: far * 2 })).toEqual({
      kind: 'held',
      draining: false,
    });
  },

  '[REG22] what a node has heard of a source is known on the others, and only there': async ({
    here,
    there,
    meeting,
    claimed,
  }) => {
    const claim = await claimed(here, 'a', 'system');
    claim.note(heard(100));
    claim.note(heard(200));
    if (here !== there) {
      await eventually(() => elsewhereIn(meeting, there)).toEqual([{ source: 'system', ...heard(200) }]);
    }
    expect(await elsewhereIn(meeting, here)).toEqual([]);
    if (here === there) return;
    claim.note(heard(300));
    await eventually(() => elsewhereIn(meeting, there)).toEqual([{ source: 'system', ...heard(300) }]);
  },

  '[REG23] the last note of a claim that was given back stays, beside the next holder’s': async ({
    here,
    there,
    meeting,
    claimed,
  }) => {
    const first = await claimed(here, 'a');
    first.note(heard(100));
    await first.release();
    first.note(heard(900));
    if (here === there) return expect(await elsewhereIn(meeting, there)).toEqual([]);
    expect(await elsewhereIn(meeting, there)).toEqual([{ source: 'mic', ...heard(100) }]);
    const second = await claimed(there, 'b');
    second.note(heard(50));
    await second.release();
    expect(await elsewhereIn(meeting, here)).toEqual([{ source: 'mic', ...heard(50) }]);
    expect(await elsewhereIn(meeting, there)).toEqual([{ source: 'mic', ...heard(100) }]);
  },

  '[REG24] a viewer who comes back has a place again, and the limit still holds': async ({
    here,
    there,
    meeting,
  }) => {
    for (let turn = 0; turn < 5; turn += 1) {
      const seat = await (turn % 2 ? here : there).seat(meeting, 'v1', 1);
      if (seat.kind !== 'seat') throw new Error('the only viewer was refused');
      expect(await there.seat(meeting, 'v2', 1)).toEqual({ kind: 'full' });
      await seat.release();
    }
    expect((await here.counts(meeting)).subscribers).toBe(0);
  },

  ...orphanedClaims,
};
