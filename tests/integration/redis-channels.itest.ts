/** What the Redis bus looks like from Redis, and from the host that gave it a client. */
import { redisBus } from '@meetcast/server/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  finalMessage,
  freshMeeting,
  partialMessage,
  statusMessage,
} from '../../packages/server/test/support/entries.ts';
import { BusNode, patient } from '../support/bus-node.ts';
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis-servers.ts';

describe.skipIf(!hasRedisServer)('the channels of a meeting', () => {
  let server: RedisServer;
  let outsider: Redis;
  beforeAll(async () => {
    server = await startRedis();
    outsider = new Redis(server.url);
  });
  afterAll(async () => {
    outsider.disconnect();
    await server.close();
  });

  async function open(): Promise<readonly [BusNode, BusNode]> {
    const nodes = [new BusNode({ url: server.url }), new BusNode({ url: server.url })] as const;
    await Promise.all(nodes.map((node) => node.ready()));
    return nodes;
  }
  const subscribers = async (channel: string) => (await outsider.pubsub('NUMSUB', channel))[1];

  test('a node subscribes once to a meeting, however many listen, until the last one leaves', async () => {
    const [near, far] = await open();
    const meeting = { tenant: 'acme', id: 'test-001' };
    const channels = ['meeting:{acme/test-001}:transcript', 'meeting:{acme/test-001}:status'];
    const heard: number[] = [];
    const stops = await Promise.all(
      Array.from({ length: 50 }, (_, viewer) => near.bus.subscribe(meeting, () => heard.push(viewer))),
    );
    for (const channel of channels) expect(await subscribers(channel)).toBe(1);
    expect(await outsider.pubsub('CHANNELS', 'meeting:*')).toHaveLength(2);
    const other = await far.bus.subscribe(meeting, () => {});
    for (const channel of channels) expect(await subscribers(channel)).toBe(2);
    await far.publish(meeting, finalMessage(1));
    await expect.poll(() => heard).toEqual(Array.from({ length: 50 }, (_, viewer) => viewer));
    await Promise.all(stops.slice(1).map((stop) => stop()));
    for (const channel of channels) expect(await subscribers(channel)).toBe(2);
    await Promise.all([stops[0]?.(), other()]);
    for (const channel of channels) expect(await subscribers(channel)).toBe(0);
  });

  test('a meeting that is left and joined at once stays subscribed', async () => {
    const [near, far] = await open();
    const meeting = freshMeeting();
    let stop = await far.bus.subscribe(meeting, () => {});
    for (let round = 0; round < 20; round += 1) {
      const heard: string[] = [];
      const leaving = stop();
      stop = await far.bus.subscribe(meeting, ({ text }) => heard.push(text));
      await leaving;
      await near.publish(meeting, finalMessage(round + 1));
      await expect.poll(() => heard).toEqual([finalMessage(round + 1).text]);
    }
    expect(await subscribers(`meeting:{${meeting.tenant}/${meeting.id}}:status`)).toBe(1);
  });

  test('whoever subscribes to the documented channels sees each text as viewers get it', async () => {
    const [near] = await open();
    const viewer = new Redis(server.url);
    onTestFinished(() => viewer.disconnect());
    const seen: [string, string][] = [];
    viewer.on('message', (channel: string, message: string) => seen.push([channel, message]));
    await viewer.subscribe('meeting:{acme/test-001}:transcript', 'meeting:{acme/test-001}:status');
    const sent = [partialMessage(7, 'ışık 😀'), finalMessage(1, 7, 'mic', 'e1'), statusMessage(2)];
    for (const message of sent) await near.publish({ tenant: 'acme', id: 'test-001' }, message);
    await expect.poll(() => seen.length).toBe(3);
    const prefix = /^meetcast\/1 [\w-]+ \S+ \d+ [a-z._]+ (mic|system|-) \d+$/;
    for (const [, message] of seen) expect(message.slice(0, message.indexOf('\n'))).toMatch(prefix);
    const texts = seen.map(([channel, message]) => [channel, message.slice(message.indexOf('\n') + 1)]);
    expect(texts.toSorted()).toEqual(
      [
        ['meeting:{acme/test-001}:transcript', sent[0]?.text],
        ['meeting:{acme/test-001}:transcript', sent[1]?.text],
        ['meeting:{acme/test-001}:status', sent[2]?.text],
      ].toSorted(),
    );
  });

  test('what others publish there is ignored', async () => {
    const [near, far] = await open();
    const meeting = freshMeeting();
    const heard = await far.listen(meeting);
    const channel = `meeting:{${meeting.tenant}/${meeting.id}}:transcript`;
    const line = 'meetcast/1 other e1 4 transcript.final mic 9\n';
    const garbage = ['', 'hello', '{"type":"x"}', line, `${line}[1]`, line.replace('/1', '/2').concat('{}')];
    for (const text of garbage) expect(await outsider.publish(channel, text)).toBe(1);
    expect(await outsider.publish(channel, Buffer.from([0xff, 0x00, 0x0a, 0x7b, 0x7d]))).toBe(1);
    await outsider.publish(`meetcast:beat:${'x'}`, '1');
    await near.publish(meeting, finalMessage(1));
    await expect.poll(() => heard).toEqual([finalMessage(1).text]);
    expect(far.changes).toEqual([]);
  });

  test('a node hears its own messages at once, once and without Redis; others hear them once', async () => {
    const [near, far] = await open();
    const meeting = freshMeeting();
    const [here, there] = [await near.listen(meeting), await far.listen(meeting)];
    const fromNear = Array.from({ length: 200 }, (_, index) => finalMessage(index + 1));
    for (const [index, message] of fromNear.entries()) {
      void near.publish(meeting, message);
      expect(here).toHaveLength(index + 1);
    }
    await expect.poll(() => there.length).toBe(200);
    await far.publish(meeting, statusMessage(999));
    // On the other channel, so only what was sent there before it is known to have come.
    await far.publish(meeting, partialMessage(999, 'last'));
    await expect.poll(() => here.length).toBe(202);
    expect(there).toEqual(
      [...fromNear, statusMessage(999), partialMessage(999, 'last')].map(({ text }) => text),
    );
    expect(here.slice(0, 200)).toEqual(fromNear.map(({ text }) => text));
  });

  test('a client of the host’s is neither connected, listened to, changed nor closed', async () => {
    const client = new Redis(server.url, { lazyConnect: true, connectionName: 'host' });
    onTestFinished(() => client.disconnect());
    const before = { options: { ...client.options }, events: client.eventNames(), status: client.status };
    const bus = redisBus({ client });
    await vi.waitFor(() => bus.remote?.ping(), patient);
    await (await bus.subscribe(freshMeeting(), () => {}))();
    const after = () => ({
      options: { ...client.options },
      events: client.eventNames(),
      status: client.status,
    });
    expect(after()).toEqual(before);
    await bus.close();
    expect(after()).toEqual(before);
    expect(await client.ping()).toBe('PONG');
  });

  test('after closing, once or twice, nothing of it is left in Redis', async () => {
    const bus = redisBus({ url: server.url });
    const stop = await bus.subscribe({ tenant: 'acme', id: 'left' }, () => {});
    await vi.waitFor(() => bus.remote?.ping(), patient);
    await Promise.all([bus.close(), bus.close()]);
    await bus.close();
    await stop();
    await expect(bus.publish({ tenant: 'acme', id: 'left' }, finalMessage(1))).resolves.toBeUndefined();
    await expect(bus.remote?.ping()).rejects.toThrow('closed');
    await expect.poll(() => subscribers('meeting:{acme/left}:status')).toBe(0);
  });

  test('a node with many meetings subscribes to all of them again', {
    timeout: 300_000,
  }, async () => {
    const [near, far] = await open();
    const meetings = Array.from({ length: 3_000 }, () => freshMeeting());
    let heard = 0;
    await Promise.all(meetings.map((meeting) => far.bus.subscribe(meeting, () => (heard += 1))));
    const before = [near.backs, far.backs];
    await server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub');
    const areBack = () => [near, far].every(({ backs }, index) => backs > (before[index] ?? 0));
    await expect.poll(areBack, patient).toBe(true);
    await Promise.all([near.ready(), far.ready()]);
    for (const meeting of meetings) void near.publish(meeting, finalMessage(1));
    await expect.poll(() => heard, patient).toBe(3_000);
  });

  test('what is published and joined before the first answer has its effect with it', async () => {
    const [far] = await open();
    for (;;) {
      const meeting = freshMeeting();
      const there = await far.listen(meeting);
      const near = new BusNode({ url: server.url });
      void near.publish(meeting, finalMessage(1));
      const here = await near.listen(meeting);
      await Promise.all([near.ready(), far.ready()]);
      await far.publish(meeting, finalMessage(2));
      // A Redis whose first answer takes more than a second and a half is away until then.
      if (near.changes.length > 0 || far.changes.length > 0) continue;
      await expect.poll(() => here).toEqual([finalMessage(2).text]);
      await expect.poll(() => there).toEqual([finalMessage(1).text, finalMessage(2).text]);
      return;
    }
  });
});
