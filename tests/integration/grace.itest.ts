// A source that breaks off without a word: for how long its meeting waits, and what follows if it stays away.
import { memoryRegistry, memoryStore, type Registry } from '@meetcast/server';
import { describe, expect, test } from 'vitest';
import {
  brokenOff,
  bytesAfter,
  bytesAt,
  done,
  entriesIn,
  heard,
  statusesIn,
  stepped,
} from '../support/broken-off.ts';
import { expectTimes, expectUnbroken, expectWords, speech, wordsIn } from '../support/speech.ts';
import { startHub, unhurried } from '../support/start-hub.ts';

const short = { limits: { ...unhurried, graceMs: 150 } };

describe('[ING20] a source that breaks off', () => {
  test('comes back in time: nobody says that the meeting idles, nothing is lost or said twice', async () => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    const said = speech(20, 41);
    await brokenOff(stage, said, 11, await stage.sender({ session: 'one' }));
    const back = await stage.sender({ session: 'one', resume: true });
    const { resume_from_ms: fromMs = Number.NaN } = await back.until('handshake_ack');
    await back.say(said.pcm.subarray(bytesAt(fromMs)));
    expect(await back.finalize()).toEqual(done);
    await viewer.status('ended');
    expectTimes(await expectWords(stage, { mic: said.words }), 'mic', said);
    expect(wordsIn(viewer.finals, 'mic')).toEqual(said.words);
    expect(statusesIn(viewer.messages)).toEqual(['live', 'recovered', 'ending', 'ended']);
  });

  test('and stays away: idle once, after its last words, those too that may have been half ones', async () => {
    const graceMs = 1_000;
    const stage = await startHub({ limits: { ...unhurried, graceMs } });
    const viewer = await stage.viewer();
    const said = speech(20, 42);
    const sender = await stage.sender();
    await sender.say(said.pcm.subarray(0, bytesAfter(said, 11)));
    await heard(stage, bytesAfter(said, 11));
    const leftAt = performance.now();
    sender.vanish('rst');
    await viewer.until('transcript.final', ({ text }) => text.split(' ').at(-1) === said.words[10]);
    // Until then it is left to its sender.
    expect(performance.now() - leftAt).toBeGreaterThan(graceMs - 20);
    const { seq } = await viewer.status('idle');
    await expectWords(stage, { mic: said.words.slice(0, 11) }, { viewers: [viewer] });
    await stage.hub.close();
    expect(statusesIn(viewer.messages)).toEqual(['live', 'idle']);
    expect(seq).toBe(viewer.seqs.at(-1));
  });

  test('and knows its session: its last word is left to it, however late it comes', async () => {
    const store = memoryStore();
    const stage = await startHub({ ...short, store });
    const viewer = await stage.viewer();
    const said = speech(20, 43);
    await brokenOff(stage, said, 11, await stage.sender({ session: 'one' }));
    await viewer.status('idle');
    expect(wordsIn(await stage.transcript(), 'mic')).toEqual(said.words.slice(0, 10));
    const gap = (await entriesIn(store)).find((event) => event.type === 'gap');
    const endMs = Math.floor(bytesAfter(said, 11) / 32);
    expect(gap).toMatchObject({ source: 'mic', cause: 'not_sent_again', end_ms: endMs });
    expect(gap?.start_ms).toBeLessThanOrEqual(said.times[10]?.startMs ?? Number.NaN);
    const back = await stage.sender({ session: 'one', resume: true });
    const { resume_from_ms: fromMs = Number.NaN } = await back.until('handshake_ack');
    await back.say(said.pcm.subarray(bytesAt(fromMs)));
    expect(await back.finalize()).toEqual(done);
    const all = await expectWords(stage, { mic: said.words });
    expectTimes(all, 'mic', said);
    expect(all.some(({ repairs }) => repairs === gap?.seq)).toBe(true);
  });

  test('a newcomer in its place does not wait, and speaks after its last words', async () => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    const [first, second] = [speech(20, 44), speech(6, 45)];
    await brokenOff(stage, first, 11, await stage.sender());
    const next = await stage.sender();
    const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
    expect(bytesAt(fromMs)).toBe(bytesAfter(first, 11));
    await next.say(second.pcm);
    expect(await next.finalize()).toEqual(done);
    await viewer.status('ended');
    const words = [...first.words.slice(0, 11), ...second.words];
    await expectWords(stage, { mic: words }, { viewers: [viewer] });
    expect(statusesIn(viewer.messages)).toEqual(['live', 'live', 'ending', 'ended']);
  });

  test('[ING16] with `close` it says that it will not come back: idle at once, after all its words', async () => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    const said = speech(20, 46);
    const sender = await stage.sender({ session: 'one' });
    const cut = bytesAfter(said, 11);
    await sender.say(said.pcm.subarray(0, cut));
    await heard(stage, cut);
    sender.send({ type: 'close' });
    expect(await sender.closed).toEqual(done);
    const { seq } = await viewer.status('idle');
    await expectWords(stage, { mic: said.words.slice(0, 11) }, { viewers: [viewer] });
    expect(seq).toBe(viewer.seqs.at(-1));
  });
});

describe('[ING20] the hub closes', () => {
  test('while it waits: the last words are said, then idle, once for both sources', async () => {
    const store = memoryStore();
    const stage = await startHub({ store });
    const said = speech(20, 47);
    const [mic, system] = [await stage.sender(), await stage.sender({ source: 'system' })];
    const cut = bytesAfter(said, 11);
    for (const sender of [mic, system]) await sender.say(said.pcm.subarray(0, cut));
    await heard(stage, 2 * cut);
    for (const sender of [mic, system]) sender.vanish();
    await stepped(stage, 'cleanup_complete', 2);
    expect(statusesIn(await entriesIn(store))).toEqual(['live', 'live']);
    await stage.hub.close();
    const entries = await entriesIn(store);
    const finals = entries.filter((entry) => entry.type === 'transcript.final');
    for (const source of ['mic', 'system'] as const)
      expect(wordsIn(finals, source)).toEqual(said.words.slice(0, 11));
    expect(statusesIn(entries)).toEqual(['live', 'live', 'idle']);
    expect(statusesIn(entries.slice(-1))).toEqual(['idle']);
  });

  test('on one source, and waits for the other: idle once, after the words of both', async () => {
    const store = memoryStore();
    const stage = await startHub({ store });
    const said = speech(20, 48);
    await brokenOff(stage, said, 11, await stage.sender());
    const system = await stage.sender({ source: 'system' });
    await system.say(said.pcm.subarray(0, bytesAfter(said, 12)));
    await heard(stage, bytesAfter(said, 11) + bytesAfter(said, 12));
    await stage.hub.close();
    const entries = await entriesIn(store);
    const finals = entries.filter((entry) => entry.type === 'transcript.final');
    expect(wordsIn(finals, 'mic')).toEqual(said.words.slice(0, 11));
    // It does not know its session: nobody would send its last word again.
    expect(wordsIn(finals, 'system')).toEqual(said.words.slice(0, 12));
    expect(statusesIn(entries)).toEqual(['live', 'live', 'idle']);
    expect(statusesIn(entries.slice(-1))).toEqual(['idle']);
  });
});

describe('[ING15] one source finalizes while the other may come back', () => {
  test('and does not: ended only then, with every word before it and nothing after it', async () => {
    const stage = await startHub({ limits: { ...unhurried, graceMs: 6_000 } });
    const viewer = await stage.viewer();
    const said = speech(20, 49);
    const system = await stage.sender({ source: 'system' });
    await brokenOff(stage, said, 11, await stage.sender());
    const other = speech(5, 50);
    await system.say(other.pcm);
    expect(await system.finalize()).toEqual(done);
    const own = await system.status('ended');
    expect([own.seq, own.details?.source]).toEqual([undefined, 'system']);
    expect(statusesIn(viewer.messages)).not.toContain('ended');
    const ended = await viewer.status('ended');
    await stage.hub.close();
    expect(statusesIn(viewer.messages)).toEqual(['live', 'live', 'ending', 'ended']);
    expect(wordsIn(viewer.finals, 'mic')).toEqual(said.words.slice(0, 11));
    expect(wordsIn(viewer.finals, 'system')).toEqual(other.words);
    expectUnbroken(viewer);
    expect(viewer.seqs.at(-1)).toBe(ended.seq);
    const [micMs, otherMs] = [Math.floor(bytesAfter(said, 11) / 32), Math.floor(other.ms)];
    expect(ended.details).toMatchObject({
      last_seq: (ended.seq ?? 0) - 1,
      coverage: {
        mic: { received_ms: micMs, forwarded_ms: micMs, covered_ms: micMs },
        system: { received_ms: otherMs, forwarded_ms: otherMs, covered_ms: otherMs },
      },
    });
  });

  test('and does: the meeting goes on, and ends with it', async () => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    const said = speech(20, 51);
    const system = await stage.sender({ source: 'system' });
    await brokenOff(stage, said, 11, await stage.sender({ session: 'one' }));
    expect(await system.finalize()).toEqual(done);
    const back = await stage.sender({ session: 'one', resume: true });
    const { resume_from_ms: fromMs = Number.NaN } = await back.until('handshake_ack');
    await back.say(said.pcm.subarray(bytesAt(fromMs)));
    expect(await back.finalize()).toEqual(done);
    const ended = await viewer.status('ended');
    await expectWords(stage, { mic: said.words }, { viewers: [viewer] });
    expect(ended.seq).toBe(viewer.seqs.at(-1));
    expect(statusesIn(viewer.messages)).toEqual(['live', 'live', 'ending', 'recovered', 'ending', 'ended']);
  });
});

describe('[ING20] at the door', () => {
  test('who is refused takes nothing from what was left, and does not make the meeting forget to idle', async () => {
    const claims = memoryRegistry();
    let letIn = () => {};
    const admitted = new Promise<void>((resolve) => {
      letIn = resolve;
    });
    const registry: Registry = {
      ...claims,
      async claim(meeting, source, session, options) {
        const claim = await claims.claim(meeting, source, session, options);
        if (session === 'late') await admitted;
        return claim;
      },
    };
    const stage = await startHub({ registry, limits: { ...unhurried, graceMs: 6_000 } });
    const viewer = await stage.viewer();
    const said = speech(20, 54);
    const late = await stage.stranger();
    const admittedElsewhere = await stage.sender({ meeting: 'elsewhere' });
    await brokenOff(stage, said, 11, await stage.sender());
    stage.simulator.fault({ kind: 'refuse', status: 402 });
    late.send({ type: 'handshake', source: 'mic', sample_rate: 16_000, session_id: 'late', resume: true });
    // It stands there for longer than the wait: a sender of another meeting, who left later, is given up.
    const elsewhere = await stage.viewer({ meeting: 'elsewhere' });
    admittedElsewhere.vanish();
    await elsewhere.status('idle');
    expect(statusesIn(viewer.messages)).toEqual(['live']);
    letIn();
    expect((await late.closed).code).toBe(4010);
    await viewer.status('idle');
    await expectWords(stage, { mic: said.words.slice(0, 11) }, { viewers: [viewer] });
  });

  test('who is refused after the last other source was given up says that the meeting idles', async () => {
    const stage = await startHub(short);
    const viewer = await stage.viewer();
    const said = speech(20, 56);
    await brokenOff(stage, said, 11, await stage.sender());
    stage.simulator.fault({ kind: 'slow-upgrade', delayMs: 1_000 });
    stage.simulator.fault({ kind: 'refuse', status: 402 });
    const refused = await stage.stranger();
    refused.send({ type: 'handshake', source: 'system', sample_rate: 16_000 });
    expect((await refused.closed).code).toBe(4010);
    await viewer.status('idle');
    await expectWords(stage, { mic: said.words.slice(0, 11) }, { viewers: [viewer] });
    const again = await stage.stranger();
    again.send({ type: 'handshake', source: 'system', sample_rate: 16_000 });
    expect((await again.closed).code).toBe(4010);
    await stage.hub.close();
    expect(statusesIn(viewer.messages)).toEqual(['live', 'idle']);
  });

  test('[REST17] a meeting that is forgotten meanwhile stays so', async () => {
    const store = memoryStore();
    const stage = await startHub({ store });
    await brokenOff(stage, speech(20, 55), 11, await stage.sender());
    const authorization = `Bearer ${await stage.token({ role: 'admin' })}`;
    const url = `http://127.0.0.1:${stage.port}/api/v1/meetings/m`;
    expect((await fetch(url, { method: 'DELETE', headers: { authorization } })).status).toBe(204);
    await stage.hub.close();
    expect(await entriesIn(store)).toEqual([]);
  });
});
