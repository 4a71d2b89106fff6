/** A sender against a scripted hub: replay, rebase, finalize and back-pressure. */
import {
  applyEvent,
  emptyTranscript,
  PublishError,
  type Publisher,
  type PublishOptions,
  publish,
} from '@meetcast/client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  connectionOf,
  counted,
  counting,
  final,
  heard,
  type Peer,
  type ScriptedHub,
  scriptedHub,
  status,
} from './support/hub.ts';

let hub: ScriptedHub;
let open: Publisher[];

beforeEach(async () => {
  hub = await scriptedHub();
  open = [];
});
afterEach(async () => {
  for (const publisher of open) publisher.close();
  await hub.close();
});

function send(options: Partial<PublishOptions> = {}): Publisher {
  const publisher = publish({
    url: hub.url,
    meeting: 'm',
    token: 't1',
    source: 'mic',
    sampleRate: 8_000,
    backoff: { minMs: 10, maxMs: 20 },
    ...options,
  });
  open.push(publisher);
  return publisher;
}

/** The next connection, after its handshake was accepted. */
async function accepted(resumeFromMs = 0, epoch = 'e1') {
  const peer = await hub.peer();
  const handshake = await peer.next('handshake');
  peer.accept(resumeFromMs, epoch);
  return { peer, handshake };
}

const frames = (peer: Peer) => counted(peer.audio).frames;
const ended = status('ended', { seq: 9, details: { last_seq: 9, coverage: { mic: 1 } } });

test('it introduces its audio, and sends it in whole frames, whatever the sizes of the writes', async () => {
  const publisher = send({ language: 'en', title: 'Stand-up', deviceId: 'd', aiMode: 'super' });
  const audio = counting(0, 4_000);
  for (let at = 0; at < audio.length; at += 333) void publisher.write(audio.slice(at, at + 333));
  const { peer, handshake } = await accepted();
  expect(peer.path).toBe('/api/v1/ws/ingest/meetings/m');
  expect(peer.query.get('source')).toBe('mic');
  expect(handshake).toEqual({
    type: 'handshake',
    source: 'mic',
    sample_rate: 8_000,
    channels: 1,
    encoding: 'linear16',
    session_id: publisher.sessionId,
    language: 'en',
    ai_mode: 'super',
    device_id: 'd',
    title: 'Stand-up',
  });
  await expect.poll(() => frames(peer)).toBe(4_000);
  for (const message of peer.arrived) if (message instanceof Uint8Array) expect(message.length % 2).toBe(0);
});

test('no frame is larger than any hub takes, and none splits a sample of several channels', async () => {
  const publisher = send({ channels: 3 });
  const { peer } = await accepted();
  await publisher.write(new Int16Array(60_000));
  publisher.flush();
  await peer.next('flush');
  expect(peer.audio.length).toBe(120_000);
  for (const message of peer.arrived) {
    if (!(message instanceof Uint8Array)) continue;
    expect(message.length).toBeLessThanOrEqual(32_768);
    expect(message.length % 6).toBe(0);
  }
});

test('acknowledged audio is let go of, and after a drop the rest is sent again, once', async () => {
  const publisher = send();
  const acks = heard((listener) => publisher.on('ack', listener));
  const { peer: first } = await accepted(5_000);
  await publisher.write(counting(0, 8_000));
  await expect.poll(() => frames(first)).toBe(8_000);
  expect(publisher.bufferedMs).toBe(1_000);
  first.ack(6_000, 5_400);
  await expect.poll(() => publisher.bufferedMs).toBe(600);
  expect(acks).toEqual([{ receivedMs: 6_000, durableMs: 5_400 }]);
  expect([publisher.receivedMs, publisher.durableMs]).toEqual([6_000, 5_400]);
  first.socket.terminate();
  await publisher.write(counting(8_000, 1_001));
  const { peer: second, handshake } = await accepted(5_500);
  expect(handshake).toMatchObject({ session_id: publisher.sessionId, resume: true });
  publisher.flush();
  await second.next('flush');
  expect(counted(second.audio)).toEqual({ from: 4_000, frames: 5_001 });
});

test('at 44.1 kHz a position finds its own frame, not the one before', async () => {
  const publisher = send({ sampleRate: 44_100 });
  const { peer: first } = await accepted();
  await publisher.write(counting(0, 44_100));
  publisher.flush();
  await first.next('flush');
  first.ack((44_100 * 1_000) / 44_100, (12_345 * 1_000) / 44_100);
  await expect.poll(() => publisher.bufferedMs).toBeCloseTo(((44_100 - 12_345) * 1_000) / 44_100, 6);
  first.socket.terminate();
  const { peer: second } = await accepted((31_337 * 1_000) / 44_100);
  await second.next('flush');
  expect(counted(second.audio)).toEqual({ from: 31_337, frames: 44_100 - 31_337 });
});

test('in a new log, the first kept sample stands where the hub says', async () => {
  const publisher = send();
  const { peer: first } = await accepted(5_000, 'e1');
  await publisher.write(counting(0, 8_000));
  first.ack(6_000, 5_500);
  await expect.poll(() => publisher.bufferedMs).toBe(500);
  first.socket.terminate();
  const { peer: second } = await accepted(0, 'e2');
  await expect.poll(() => counted(second.audio)).toEqual({ from: 4_000, frames: 4_000 });
  second.ack(500, 250);
  await expect.poll(() => publisher.bufferedMs).toBe(250);
  second.socket.terminate();
  const { peer: third } = await accepted(250, 'e2');
  await expect.poll(() => counted(third.audio)).toEqual({ from: 6_000, frames: 2_000 });
});

test('a position of a new log means nothing in the old one, even where both have it', async () => {
  const publisher = send();
  const { peer: first } = await accepted(0, 'e1');
  await publisher.write(counting(0, 8_000));
  await expect.poll(() => frames(first)).toBe(8_000);
  first.socket.terminate();
  const { peer: second } = await accepted(500, 'e2');
  await expect.poll(() => counted(second.audio)).toEqual({ from: 0, frames: 8_000 });
  expect([publisher.receivedMs, publisher.durableMs]).toEqual([500, 500]);
});

test('finalize resolves when the hub has stored every word and closed', async () => {
  const publisher = send();
  void publisher.write(counting(0, 100));
  const { peer } = await accepted();
  const done = publisher.finalize();
  await peer.next('finalize');
  expect(counted(peer.audio)).toEqual({ from: 0, frames: 100 });
  expect(peer.arrived.at(-1)).toEqual({ type: 'finalize' });
  peer.send(ended);
  peer.socket.close(1000);
  expect(await done).toEqual({ lastSeq: 9, coverage: { mic: 1 } });
  expect(await publisher.closed).toMatchObject({ status: 'closed', word: 'done' });
  expect(await publisher.finalize()).toEqual(await done);
});

test('finalize survives a drop: the rest is sent again, then finalize', async () => {
  const publisher = send();
  await publisher.write(counting(0, 8_000));
  const { peer: first } = await accepted();
  const done = publisher.finalize();
  await first.next('finalize');
  first.ack(1_000, 250);
  first.socket.terminate();
  const { peer: second } = await accepted(250);
  await second.next('finalize');
  expect(counted(second.audio)).toEqual({ from: 2_000, frames: 6_000 });
  second.send(ended);
  second.socket.terminate();
  expect(await done).toMatchObject({ lastSeq: 9 });
  expect(publisher.connection).toBe('closed');
  expect(hub.peers).toHaveLength(2);
});

test('finalize without a connection waits for one', async () => {
  const publisher = send();
  await publisher.write(counting(0, 800));
  const done = publisher.finalize();
  const refused = await hub.peer();
  await refused.next('handshake');
  refused.refuse(1013, 'try_again_later');
  const { peer, handshake } = await accepted();
  expect(handshake).not.toHaveProperty('resume');
  await peer.next('finalize');
  expect(counted(peer.audio)).toEqual({ from: 0, frames: 800 });
  peer.send(ended);
  peer.socket.close(1000);
  expect(await done).toMatchObject({ lastSeq: 9 });
});

test('the end of the other source is not the end of this one', async () => {
  const publisher = send();
  const done = publisher.finalize();
  const { peer } = await accepted();
  await peer.next('finalize');
  peer.send(status('ended', { seq: 4, meta: { source: 'system' }, details: { last_seq: 4 } }), ended);
  peer.socket.close(1000);
  expect(await done).toMatchObject({ lastSeq: 9 });
});

test('the end of another session of its source is not the end of this one', async () => {
  const publisher = send();
  const done = publisher.finalize();
  const { peer } = await accepted();
  await peer.next('finalize');
  const other = { source: 'mic', session_id: 'another', last_seq: 4 };
  peer.send(status('ended', { seq: 4, meta: { source: 'mic' }, details: other }), ended);
  peer.socket.close(1000);
  expect(await done).toMatchObject({ lastSeq: 9 });
});

test('a hub that greets twice is sent nothing twice', async () => {
  const publisher = send();
  const { peer } = await accepted();
  await publisher.write(counting(0, 800));
  await expect.poll(() => frames(peer)).toBe(800);
  peer.accept();
  peer.ack(100, 0);
  await expect.poll(() => publisher.receivedMs).toBe(100);
  await publisher.write(counting(800, 800));
  publisher.flush();
  await peer.next('flush');
  expect(counted(peer.audio)).toEqual({ from: 0, frames: 1_600 });
});

test('an end that came before this connection was told to finalize is an older one', async () => {
  const publisher = send();
  const done = publisher.finalize();
  const peer = await hub.peer();
  await peer.next('handshake');
  peer.send(status('ended', { seq: 3, details: { last_seq: 3 } }));
  peer.accept();
  await peer.next('finalize');
  peer.send(ended);
  peer.socket.close(1000);
  expect(await done).toMatchObject({ lastSeq: 9 });
});

test('a link that fails for good rejects finalize and waiting writers, with the reason', async () => {
  const publisher = send({ maxBufferedMs: 1_000 });
  const waiting = publisher.write(counting(0, 8_000));
  const done = publisher.finalize();
  const peer = await hub.peer();
  peer.refuse(4002, 'ingest_exists', 'Someone else is sending this source.');
  await expect(done).rejects.toThrow(PublishError);
  await expect(waiting).rejects.toMatchObject({
    code: 'ingest_exists',
    message: 'Someone else is sending this source.',
  });
  expect(await publisher.closed).toMatchObject({ status: 'failed', word: 'ingest_exists', code: 4002 });
  await expect(publisher.write(counting(0, 1))).rejects.toThrow(PublishError);
  await expect(publisher.finalize()).rejects.toThrow(PublishError);
});

test('a superseded sender does not come back', async () => {
  const publisher = send();
  const { peer } = await accepted();
  await connectionOf(publisher, 'connected');
  peer.refuse(4009, 'superseded');
  expect(await publisher.closed).toMatchObject({ status: 'failed', word: 'superseded' });
  expect(hub.peers).toHaveLength(1);
});

test('a refused handshake fails with the field that was wrong', async () => {
  const publisher = send();
  const peer = await hub.peer();
  await peer.next('handshake');
  peer.send({ type: 'handshake_ack', status: 'error', message: '"language": not known' });
  peer.socket.close(4006);
  expect(await publisher.closed).toMatchObject({ word: 'bad_handshake', reason: '"language": not known' });
});

test('at the bound it asks for a flush once, writers wait, and nothing is dropped', async () => {
  const publisher = send({ maxBufferedMs: 1_000 });
  const overflows = heard((listener) => publisher.on('overflow', listener));
  const { peer } = await accepted();
  await publisher.write(counting(0, 6_000));
  let resolved = 0;
  const waiting = [publisher.write(counting(6_000, 6_000)), publisher.write(counting(12_000, 4_000))];
  for (const one of waiting) void one.then(() => resolved++);
  await peer.next('flush');
  await expect.poll(() => frames(peer)).toBe(16_000);
  expect(resolved).toBe(0);
  expect(overflows).toEqual([{ bufferedMs: 1_500, maxBufferedMs: 1_000 }]);
  peer.ack(2_000, 1_200);
  await Promise.all(waiting);
  expect(peer.texts.filter((message) => message.type === 'flush')).toHaveLength(1);
});

test('a hub that stops reading holds the writer back', async () => {
  const publisher = send({ sampleRate: 192_000, channels: 8 });
  const { peer } = await accepted();
  await connectionOf(publisher, 'connected');
  peer.socket.pause();
  const writes: Promise<void>[] = [];
  let resolved = 0;
  while (resolved === writes.length && writes.length < 400) {
    writes.push(publisher.write(new Uint8Array(192_000)));
    void writes.at(-1)?.then(() => resolved++);
    await new Promise((tick) => setImmediate(tick));
  }
  expect(writes.length).toBeLessThan(400);
  peer.socket.resume();
  await Promise.all(writes);
  publisher.flush();
  await peer.next('flush');
  expect(peer.audio.length).toBe(writes.length * 192_000);
});

test('commands keep their place among the audio, also when it is sent again', async () => {
  const publisher = send();
  const { peer: first } = await accepted();
  const write = (from: number, count: number) => publisher.write(counting(from, count));
  await write(0, 100);
  publisher.offRecord(true);
  await write(100, 100);
  publisher.offRecord(false);
  await write(200, 100);
  publisher.flush();
  await first.next('flush');
  const order = (peer: Peer) =>
    peer.arrived.slice(1).map((one) => (one instanceof Uint8Array ? one.length / 2 : (one.on ?? one.type)));
  expect(order(first)).toEqual([100, true, 100, false, 100, 'flush']);
  first.ack(37.5, 18.75);
  await expect.poll(() => publisher.durableMs).toBe(18.75);
  first.socket.terminate();
  const { peer: second } = await accepted(18.75);
  await second.next('flush');
  expect(order(second)).toEqual([true, 50, false, 100, 'flush']);
});

test('its own words come back', async () => {
  const publisher = send();
  const finals = heard<{ text: string }>((listener) => publisher.on('final', listener));
  const { peer } = await accepted();
  peer.send({ type: 'hologram' }, final(1));
  await expect.poll(() => finals.map((one) => one.text)).toEqual(['final 1']);
});

test('[ING14] what is taken back is told to a screen that is fed from its sender', async () => {
  const publisher = send();
  let shown = emptyTranscript;
  for (const type of ['final', 'partial', 'retract'] as const)
    publisher.on(type, (event) => {
      shown = applyEvent(shown, event);
    });
  const { peer } = await accepted();
  peer.send(final(1), final(2));
  await expect.poll(() => shown.finals.map(({ text }) => text)).toEqual(['final 1', 'final 2']);
  peer.send({ type: 'retract', seq: 3, meeting_id: 'm', ts: '2025-01-01T00:00:00.000Z', segment_no: 1 });
  await expect.poll(() => shown.finals.map(({ text }) => text)).toEqual(['final 2']);
});

test('close says so and gives up what is not stored', async () => {
  const publisher = send();
  const { peer } = await accepted();
  await connectionOf(publisher, 'connected');
  publisher.close();
  await peer.next('close');
  expect(await publisher.closed).toMatchObject({ status: 'closed', reason: 'close() was called' });
  await expect(publisher.finalize()).rejects.toThrow(/close\(\) was called/);
});

test('a misspelt option throws a TypeError that names the one that was meant', () => {
  const misspelt = (options: object) => () => send(options);
  expect(misspelt({ samplerate: 16_000 })).toThrow(
    new TypeError('publish: unknown option samplerate; did you mean sampleRate?'),
  );
  expect(misspelt({ basepath: '/' })).toThrow(
    new TypeError('publish: unknown option basepath; did you mean basePath?'),
  );
  expect(misspelt({ backoff: { max: 1 } })).toThrow(
    new TypeError('backoff: unknown option max; did you mean maxMs?'),
  );
});

test('wrong options and audio throw a TypeError at the call', () => {
  expect(() => send({ source: 'sys' as 'mic' })).toThrow(/source must be "mic" or "system", got "sys"/);
  expect(() => send({ sampleRate: 4_000 })).toThrow(/sampleRate must be .* from 8000 to 192000, got 4000/);
  expect(() => send({ channels: 0 })).toThrow(TypeError);
  expect(() => send({ language: 'not a language' })).toThrow(/language must be/);
  expect(() => send({ maxBufferedMs: 0 })).toThrow(/maxBufferedMs must be a positive number, got 0/);
  expect(() => send({ maxBufferedMs: 999 })).toThrow(
    /maxBufferedMs must be at least 1000, got 999: a writer would/,
  );
  const publisher = send();
  expect(() => publisher.write(new Float32Array(4) as never)).toThrow(/pcm must be .* got Float32Array/);
});
