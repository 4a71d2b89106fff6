/** Every Registry passes this. A new adapter's test file is one call. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MeetingRef } from '../../src/meeting.ts';
import type { Claim, Registry } from '../../src/registry/registry.ts';
import { freshMeeting } from '../support/entries.ts';

/** Two nodes of one cluster; a registry for a single node is given twice. `close` ends what `open` opened besides them. */
export interface RegistryNodes {
  readonly nodes: readonly [Registry, Registry];
  close?(): Promise<void>;
}

export function registryContract(open: () => Promise<RegistryNodes>): void {
  let opened: RegistryNodes;
  let here: Registry;
  let there: Registry;
  let meeting: MeetingRef;

  beforeEach(async () => {
    opened = await open();
    [here, there] = opened.nodes;
    meeting = freshMeeting();
  });
  afterEach(async () => {
    await Promise.all([...new Set(opened.nodes)].map((node) => node.close()));
    await opened.close?.();
  });

  async function claimed(node: Registry, session: string, source: 'mic' | 'system' = 'mic'): Promise<Claim> {
    const claim = await node.claim(meeting, source, session);
    if (claim.kind !== 'claim') throw new Error(`${session} was told that ${source} is held`);
    return claim;
  }

  const held = (node: Registry, session: string) => node.claim(meeting, 'mic', session);
  const ingests = async () => (await there.counts(meeting)).ingests;

  test('[ING19] a source of a meeting has one claim in the whole cluster', async () => {
    await claimed(here, 'a');
    expect(await held(there, 'b')).toEqual({ kind: 'held', draining: false });
    expect(await held(here, 'c')).toEqual({ kind: 'held', draining: false });
  });

  test('[REG1] of twenty sessions that claim at once on two nodes one gets it', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? here : there).claim(meeting, 'mic', `s${index}`)),
    );
    expect(answers.filter(({ kind }) => kind === 'claim')).toHaveLength(1);
    expect(await ingests()).toEqual(['mic']);
  });

  test('[REG2] sources, meetings and tenants are claimed apart', async () => {
    await claimed(here, 'a', 'mic');
    await claimed(there, 'b', 'system');
    const elsewhere = [freshMeeting(), { ...meeting, tenant: 'globex' }];
    for (const other of elsewhere) {
      expect(await there.claim(other, 'mic', 'c')).toMatchObject({ kind: 'claim' });
    }
    expect([...(await ingests())].sort()).toEqual(['mic', 'system']);
  });

  test('[REG3] the session that holds a claim may claim it again: higher fence, and the older one is lost', async () => {
    const older = await claimed(here, 'a');
    expect(older.lost.aborted).toBe(false);
    const newer = await claimed(there, 'a');
    expect(newer.fence).toBeGreaterThan(older.fence);
    await expect.poll(() => older.lost.aborted).toBe(true);
    expect(newer.lost.aborted).toBe(false);
    expect(await held(here, 'b')).toMatchObject({ kind: 'held' });
  });

  test('[REG4] every claim of a source has a higher fence than all before it, released ones too', async () => {
    const fences: number[] = [];
    for (const [index, session] of ['a', 'a', 'b', 'c', 'c'].entries()) {
      const claim = await claimed(index % 2 ? here : there, session);
      fences.push(claim.fence);
      if (index !== 0 && index !== 3) await claim.release();
    }
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    expect(fences.every(Number.isSafeInteger)).toBe(true);
  });

  test('[REG5] a draining claim is still held, and says so to a newcomer', async () => {
    const claim = await claimed(here, 'a');
    await claim.drain();
    expect(await held(there, 'b')).toEqual({ kind: 'held', draining: true });
    const again = await claimed(there, 'a');
    expect(await held(here, 'b')).toEqual({ kind: 'held', draining: false });
    await again.release();
  });

  test('[REG6] a drain of a lost claim does not mark its successor', async () => {
    const older = await claimed(here, 'a');
    await claimed(there, 'a');
    await older.drain();
    expect(await held(here, 'b')).toEqual({ kind: 'held', draining: false });
  });

  test('[REG7] a released source can be claimed by anyone', async () => {
    await (await claimed(here, 'a')).release();
    expect(await ingests()).toEqual([]);
    await claimed(there, 'b');
    expect(await held(here, 'a')).toMatchObject({ kind: 'held' });
  });

  test('[REG8] release says how many sources of the meeting are still claimed', async () => {
    const [mic, system] = [await claimed(here, 'a', 'mic'), await claimed(there, 'b', 'system')];
    expect(await mic.release()).toBe(1);
    expect(await system.release()).toBe(0);
  });

  test('[REG9] releasing twice is the same as once, whoever has claimed in between', async () => {
    const first = await claimed(here, 'a');
    await first.release();
    await claimed(there, 'b');
    expect(await first.release()).toBe(1);
    expect(await ingests()).toEqual(['mic']);
    expect(await held(here, 'c')).toMatchObject({ kind: 'held' });
  });

  test('[REG10] releasing a lost claim takes nothing from its successor', async () => {
    const older = await claimed(here, 'a');
    const newer = await claimed(there, 'a');
    await older.release();
    expect(await ingests()).toEqual(['mic']);
    expect(await held(here, 'b')).toMatchObject({ kind: 'held' });
    expect(newer.lost.aborted).toBe(false);
    expect(await newer.release()).toBe(0);
  });

  test('[SUB11] a meeting has so many seats in the whole cluster', async () => {
    const seats = [await here.seat(meeting, 'v1', 2), await there.seat(meeting, 'v2', 2)];
    expect(seats.map(({ kind }) => kind)).toEqual(['seat', 'seat']);
    expect(await here.seat(meeting, 'v3', 2)).toEqual({ kind: 'full' });
    expect(await there.seat(meeting, 'v3', 2)).toEqual({ kind: 'full' });
    expect((await here.counts(meeting)).subscribers).toBe(2);
    if (seats[0]?.kind === 'seat') await seats[0].release();
    expect(await there.seat(meeting, 'v3', 2)).toMatchObject({ kind: 'seat' });
  });

  test('[REG11] thirty viewers at once on two nodes get five of five seats', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => (index % 2 ? here : there).seat(meeting, `v${index}`, 5)),
    );
    expect(answers.filter(({ kind }) => kind === 'seat')).toHaveLength(5);
    expect((await there.counts(meeting)).subscribers).toBe(5);
  });

  test('[REG12] giving a seat back twice is the same as once', async () => {
    const seat = await here.seat(meeting, 'v1', 1);
    if (seat.kind !== 'seat') throw new Error('the first seat was refused');
    await seat.release();
    expect(await there.seat(meeting, 'v2', 1)).toMatchObject({ kind: 'seat' });
    await seat.release();
    expect(await here.seat(meeting, 'v3', 1)).toEqual({ kind: 'full' });
    expect((await here.counts(meeting)).subscribers).toBe(1);
  });

  test('[REG13] seats of other meetings and tenants are counted apart', async () => {
    await here.seat(meeting, 'v1', 1);
    expect(await there.seat({ ...meeting, tenant: 'globex' }, 'v2', 1)).toMatchObject({ kind: 'seat' });
    expect(await there.seat(freshMeeting(), 'v3', 1)).toMatchObject({ kind: 'seat' });
  });

  test('[REG14] counts of a meeting nobody is in are zero', async () => {
    expect(await here.counts(meeting)).toEqual({ subscribers: 0, ingests: [] });
  });

  test('[REG15] totals count the meetings, viewers and senders of the whole cluster', async () => {
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
  });

  test('[LOG4] two hundred segment numbers asked for at once on two nodes are all different', async () => {
    const numbers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => (index % 2 ? here : there).nextSegmentNo(meeting, 1)),
    );
    expect(new Set(numbers).size).toBe(200);
    expect(numbers.every((number) => Number.isSafeInteger(number) && number >= 1)).toBe(true);
  });

  test('[REG16] no segment number is below atLeast, and none comes twice after a jump', async () => {
    const first = await here.nextSegmentNo(meeting, 1);
    const jumped = await there.nextSegmentNo(meeting, 500);
    expect(jumped).toBeGreaterThanOrEqual(500);
    const after = await here.nextSegmentNo(meeting, 1);
    const again = await there.nextSegmentNo(meeting, 500);
    expect(new Set([first, jumped, after, again]).size).toBe(4);
    expect(Math.min(jumped, again)).toBeGreaterThanOrEqual(500);
  });

  test('[REG17] numbers stay unique when many ask with different floors at once', async () => {
    const floors = Array.from({ length: 60 }, (_, index) => 1 + ((index * 7) % 20));
    const numbers = await Promise.all(
      floors.map((floor, index) => (index % 2 ? here : there).nextSegmentNo(meeting, floor)),
    );
    expect(new Set(numbers).size).toBe(60);
    for (const [index, floor] of floors.entries()) expect(numbers[index]).toBeGreaterThanOrEqual(floor);
  });

  test('[REG18] meetings and tenants count their segments apart', async () => {
    await here.nextSegmentNo(meeting, 400);
    expect(await there.nextSegmentNo({ ...meeting, tenant: 'globex' }, 1)).toBeLessThan(400);
  });
}
