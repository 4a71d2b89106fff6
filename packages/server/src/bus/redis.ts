/** The bus of many nodes: Redis pub/sub, sharded on a Cluster. */
import { checkOptions } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import { openRedisLink, type RedisLink } from '../redis/link.ts';
import type { RedisConnectOptions } from '../redis/options.ts';
import type { Bus } from './bus.ts';
import { bufferOf, typeIn } from './envelope.ts';

/** Pub/sub of Redis. Throws TypeError for options that name no Redis. It connects in the background. */
export function redisBus(options: RedisConnectOptions): Bus {
  checkOptions('redisBus', options, { url: true, client: true });
  return redisBusOn(openRedisLink(options));
}

export function redisBusOn(link: RedisLink): Bus {
  return {
    remote: link,
    async publish(meeting, bytes) {
      link.publish(channelOf(meeting, isTranscript(bytes) ? 'transcript' : 'status'), bufferOf(bytes));
    },
    subscribe: (meeting, listener) =>
      link.subscribe([channelOf(meeting, 'transcript'), channelOf(meeting, 'status')], listener),
    close: () => link.close(),
  };
}

const channelOf = (meeting: MeetingRef, kind: 'transcript' | 'status'): string =>
  `meeting:{${meetingKey(meeting)}}:${kind}`;

function isTranscript(bytes: Uint8Array): boolean {
  const type = typeIn(bytes);
  return type === 'transcript.partial' || type === 'transcript.final';
}
