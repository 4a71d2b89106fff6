/** What every spool must do, and a session for one to hold. */
import type { SessionNote, Spool } from '@meetcast/client';
import { expect, test } from 'vitest';
import { counted, counting } from './hub.ts';

export const session = (fields: Partial<SessionNote> = {}): SessionNote => ({
  version: 1,
  id: 's-1',
  meeting: 'm',
  source: 'mic',
  sampleRate: 8_000,
  channels: 1,
  start: 0,
  commands: { last: 0, commands: [] },
  ...fields,
});

/** All the audio of a spool from a position on. */
export async function readAll(spool: Spool, from: number, to: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let at = from; at < to; at += pieces.at(-1)?.length ?? 0) pieces.push(await spool.read(at));
  return Buffer.concat(pieces);
}

/** `reopen` opens the same spool again, each time. */
export function spoolContract(name: string, make: () => { reopen: () => Promise<Spool> }): void {
  test(`${name}: what was appended is there for the next one, with the newest note`, async () => {
    const { reopen } = make();
    const first = await reopen();
    expect(first.left).toBeUndefined();
    await first.note(session());
    for (let frame = 0; frame < 10_000; frame += 100) void first.append(counting(frame, 100));
    await first.note(session({ start: 7, epoch: 'e', anchor: { frame: 0, ms: 250.5 } }));
    await first.close();
    const second = await reopen();
    expect(second.left).toEqual({
      session: session({ start: 7, epoch: 'e', anchor: { frame: 0, ms: 250.5 } }),
      takenBytes: 20_000,
    });
    expect(counted(await readAll(second, 0, 20_000))).toEqual({ from: 0, frames: 10_000 });
    expect(counted(await readAll(second, 1_234, 20_000)).from).toBe(617);
    await second.append(counting(10_000, 50));
    await second.close();
    const third = await reopen();
    expect(third.left?.takenBytes).toBe(20_100);
    expect(counted(await readAll(third, 19_900, 20_100))).toEqual({ from: 9_950, frames: 100 });
    await third.remove();
  });

  test(`${name}: a removed one leaves nothing`, async () => {
    const { reopen } = make();
    const first = await reopen();
    await first.note(session());
    await first.append(counting(0, 10));
    await first.remove();
    const second = await reopen();
    expect(second.left).toBeUndefined();
    await expect(second.read(0)).rejects.toThrow();
    await second.remove();
  });

  test(`${name}: forgetting keeps what comes after, and where it stands`, async () => {
    const { reopen } = make();
    const first = await reopen();
    await first.note(session());
    for (let frame = 0; frame < 100; frame += 10) await first.append(counting(frame, 10));
    await first.note(session({ start: 55 }));
    await first.forget(110);
    expect(counted(await readAll(first, 110, 200))).toEqual({ from: 55, frames: 45 });
    await first.note(session({ start: 100 }));
    await first.forget(200);
    await first.close();
    const second = await reopen();
    expect(second.left).toMatchObject({ session: { start: 100 }, takenBytes: 200 });
    await second.append(counting(100, 5));
    expect(counted(await readAll(second, 200, 210))).toEqual({ from: 100, frames: 5 });
    await second.remove();
  });

  test(`${name}: a large piece comes back as it was, and audio that is not there is not made up`, async () => {
    const { reopen } = make();
    const spool = await reopen();
    await spool.note(session());
    const large = new Uint8Array(5_000_000).map((_, at) => (at * 7) ^ (at >> 11));
    await spool.append(large);
    expect(Buffer.compare(await readAll(spool, 0, 5_000_000), large)).toBe(0);
    await expect(spool.read(5_000_000)).rejects.toThrow(/no audio at 5000000/);
    await spool.remove();
  });
}
