/** A sender that was let in, and what ends it before its time: its recognizer, its claim, its store. */
import { describe, expect, test } from 'vitest';
import { EntryRefusedError, RecognizerError, StaleFenceError } from '../../src/lib/errors.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { pass, settled } from '../support/fake-clock.ts';
import { span } from '../support/scripted-recognizer.ts';
import { audio, expectClosed, free, handshakeOf, meeting, micSent, set, stage } from '../support/stage.ts';
import { storeWith } from '../support/store-with.ts';

/** A store that never takes some entries. */
function refusing(isRefused: (entry: Parameters<Store['append']>[1]) => boolean): Store {
  const inner = memoryStore();
  const append: Store['append'] = async (at, entry, ...more) => {
    if (isRefused(entry)) throw new EntryRefusedError('not this one');
    return inner.append(at, entry, ...more);
  };
  return storeWith(inner, { append });
}

const graceOver = 31_000;
const gone = new RecognizerError('it is gone', { retryable: true });

describe('what ends it before its time', () => {
  test('a recognizer that fails: 4010, and what it did not hear is still the sender’s', async () => {
    set();
    const sender = await stage.accepted();
    sender.send(audio(1_000));
    stage.recognizer.stream.say(span('hello', 0, 400));
    await settled();
    stage.recognizer.stream.fail(gone);
    await settled();
    expectClosed(sender, 4010, 'recognizer_unavailable');
    expect(sender.of('error')[0]?.message).toBe('it is gone');
    expect(await stage.claims()).toEqual({ sent: [], vacant: ['mic'] });
    expect(await stage.said()).toEqual(['live', '“hello”']);
    await pass(graceOver);
    expect(await stage.said()).toEqual(['live', '“hello”', 'gap 400–1000 recognizer_unavailable', 'idle']);
    // Nobody can send it again: a later sender begins behind it.
    expect(await stage.store.covered(meeting, 'mic')).toBe(1_000);
    expect(await stage.claims()).toEqual(free);
    stage.expectedErrors = ['ingest: it is gone'];
  });

  test('who comes back after that leaves no gap', async () => {
    set();
    const sender = await stage.accepted({ session_id: 'one' });
    sender.send(audio(1_000));
    await settled();
    stage.recognizer.stream.fail(gone);
    await settled();
    expectClosed(sender, 4010, 'recognizer_unavailable');
    const back = await stage.accepted({ session_id: 'one', resume: true });
    stage.recognizer.stream.say(span('hello', 0, 900));
    back.send(audio(1_000), { type: 'finalize' });
    await pass(graceOver);
    expect(await stage.said()).toEqual(['live', 'recovered', '“hello”', 'ended']);
    stage.expectedErrors = ['ingest: it is gone'];
  });

  test('who comes back later fills the gap', async () => {
    set();
    const sender = await stage.accepted({ session_id: 'one' });
    sender.send(audio(1_000));
    await settled();
    stage.recognizer.stream.fail(gone);
    await pass(graceOver);
    expect(await stage.said()).toEqual(['live', 'gap 0–1000 recognizer_unavailable', 'idle']);
    const back = await stage.accepted({ session_id: 'one', resume: true });
    expect(back.of('handshake_ack')).toMatchObject([{ resume_from_ms: 0 }]);
    back.send(audio(1_000), audio(1_000));
    stage.recognizer.stream.say(span('hello', 0, 1_000), span('and on', 1_000, 2_000));
    await settled();
    const repairs = back.of('transcript.final').map(({ text, repairs }) => [text, repairs]);
    expect(repairs).toEqual([
      ['hello', 2],
      ['and on', undefined],
    ]);
    stage.expectedErrors = ['ingest: it is gone'];
  });

  test('what its recognizer was given and nobody heard is kept to be heard later', async () => {
    set({ unheard: {} });
    const sender = await stage.accepted({ language: 'de' });
    sender.send(audio(1_000));
    await settled();
    const { stream } = stage.recognizer;
    const read = async function* () {};
    stream.left = { startMs: 200, endMs: 1_000, bytes: 800 * 32, read, discard: async () => {} };
    stream.fail(gone);
    await settled();
    const kept = stage.observed.filter(({ type }) => type === 'unheard');
    expect(kept).toMatchObject([{ state: 'kept', source: 'mic', bytes: 25_600, startMs: 200, endMs: 1_000 }]);
    stage.expectedErrors = ['ingest: it is gone'];
  });

  test('a recognizer that ends unasked, against its contract, is none either: 4010', async () => {
    set();
    const sender = await stage.accepted();
    stage.recognizer.stream.end();
    await settled();
    expectClosed(sender, 4010, 'recognizer_unavailable');
    expect(await stage.claims()).toEqual({ sent: [], vacant: ['mic'] });
    stage.expectedErrors = ['ingest: The speech recognizer ended the stream early.'];
  });

  test('its claim is lost to the same session: 4009, and none of its words come after', async () => {
    set();
    const first = await stage.accepted({ session_id: 'one' });
    const { stream } = stage.recognizer;
    first.send(audio(1_000));
    await settled();
    const second = await stage.accepted({ session_id: 'one', resume: true });
    stream.say(span('too late', 0, 900));
    await settled();
    expectClosed(first, 4009, 'superseded');
    expect(stream.isAborted).toBe(true);
    expect(second.closed).toBeUndefined();
    expect(await stage.claims()).toEqual(micSent);
    await pass(graceOver);
    expect(await stage.said()).toEqual(['live', 'recovered']);
  });

  test('another node has taken its place: 4009, and nobody waits for it', async () => {
    set();
    const sender = await stage.accepted();
    sender.send(audio(1_000));
    await settled();
    await stage.store.cover(meeting, { source: 'mic', fence: Number.MAX_SAFE_INTEGER, coveredMs: 0 });
    stage.recognizer.stream.say(span('too late', 0, 900));
    await settled();
    expectClosed(sender, 4009, 'superseded');
    expect(await stage.claims()).toEqual(free);
    // So whoever is refused now may say that the meeting idles.
    stage.recognizer.openings.push(gone);
    const door = await stage.sender();
    door.send(handshakeOf({ source: 'system' }));
    await settled();
    expect(await stage.said()).toEqual(['live', 'idle']);
    await pass(graceOver);
    expect(await stage.said()).toEqual(['live', 'idle']);
    stage.expectedErrors = stage.errors();
    expect(stage.expectedErrors).toEqual([expect.stringContaining('was replaced by'), 'ingest: it is gone']);
  });

  test('words that no store takes leave a gap, and do not hold up those after them', async () => {
    set({ store: refusing((entry) => entry.type === 'transcript.final' && entry.text === 'bad') });
    const sender = await stage.accepted();
    sender.send(audio(1_000));
    stage.recognizer.stream.say(span('bad', 0, 400), span('good', 400, 1_000));
    await pass(2_000);
    expect(await stage.said()).toEqual(['live', 'gap 0–400 entry_refused', '“good”']);
    expect(sender.closed).toBeUndefined();
    expect(sender.of('ack').at(-1)).toMatchObject({ durable_ms: 1_000 });
    stage.expectedErrors = ['store: not this one'];
  });

  test('audio that nobody could hear leaves a gap too', async () => {
    set();
    const sender = await stage.accepted();
    sender.send(audio(1_000));
    stage.recognizer.stream.say(
      { kind: 'unheard', startMs: 100, endMs: 400, cause: 'too_long_away' },
      span('there', 400, 1_000),
    );
    await settled();
    expect(await stage.said()).toEqual(['live', 'gap 100–400 recognizer_unavailable', '“there”']);
    expect(sender.closed).toBeUndefined();
  });

  test.each([
    ['that it is live', 'live', []],
    ['that it is off the record', 'off_record', ['live']],
  ] as const)(
    'a store that does not take %s: 1011, and what was not heard is missing',
    async (_what, status, said) => {
      set({ store: refusing((entry) => entry.type === 'status' && entry.status === status) });
      const sender = await stage.accepted();
      sender.send(audio(500), { type: 'off_record', on: true });
      await pass(1_000);
      expectClosed(sender, 1011, 'internal_error');
      expect(stage.recognizer.stream.isAborted).toBe(true);
      expect(await stage.claims()).toEqual({ sent: [], vacant: ['mic'] });
      await pass(graceOver);
      const off = status === 'live' ? ['off_record'] : [];
      expect(await stage.said()).toEqual([...said, ...off, 'gap 0–500 hub_failed', 'idle']);
      stage.expectedErrors = ['store: not this one', 'ingest: not this one'];
    },
  );

  test('a store that is away ends nothing: words are shown, and durable when it is back', async () => {
    set();
    const sender = await stage.accepted();
    sender.send(audio(1_000));
    stage.store.condition = 'away';
    stage.recognizer.stream.say(span('hello', 0, 1_000));
    await pass(5_000);
    expect(sender.of('transcript.partial')).toMatchObject([{ text: 'hello', segment_no: 1 }]);
    expect(sender.of('ack').at(-1)).toMatchObject({ received_ms: 1_000, durable_ms: 0 });
    stage.store.condition = 'well';
    await pass(2_000);
    expect(sender.of('transcript.final')).toMatchObject([{ text: 'hello', segment_no: 1 }]);
    expect(sender.of('ack').at(-1)).toMatchObject({ durable_ms: 1_000 });
    stage.expectedErrors = ['store: the store is away'];
  });

  test('a stale fence at its first word in the log: nobody is told that it is live', async () => {
    const inner = memoryStore();
    const append: Store['append'] = async () => {
      throw new StaleFenceError('it was replaced', 9);
    };
    set({ store: storeWith(inner, { append }) });
    const sender = await stage.sender();
    sender.send(handshakeOf());
    await settled();
    expect(sender.closed).toEqual({ code: 4009, reason: 'superseded' });
    expect(await stage.claims()).toEqual(free);
    stage.expectedErrors = ['ingest: it was replaced'];
  });

  test('a sender whose segments the registry cannot number is not let in', async () => {
    const registry = { ...memoryRegistry(), numbering: () => Promise.reject(new Error('no number')) };
    set({ registry });
    const sender = await stage.sender();
    sender.send({ type: 'handshake', source: 'mic', sample_rate: 16_000 });
    await settled();
    expectClosed(sender, 1011, 'internal_error');
    stage.expectedErrors = ['ingest: no number'];
  });
});
