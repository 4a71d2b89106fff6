/** A bus for the hubs of one process: bytes go straight to whoever listens. */
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { Bus } from './bus.ts';

export function memoryBus(): Bus {
  const listeners = new Map<string, Set<(bytes: Uint8Array) => void>>();

  function remove(key: string, listener: (bytes: Uint8Array) => void): void {
    const there = listeners.get(key);
    if (!there?.delete(listener) || there.size > 0) return;
    listeners.delete(key);
  }

  return {
    async publish(meeting: MeetingRef, bytes: Uint8Array) {
      for (const listener of [...(listeners.get(meetingKey(meeting)) ?? [])]) {
        try {
          listener(bytes);
        } catch {
          // The contract: one listener's failure is not the publisher's, nor another listener's.
        }
      }
    },
    async subscribe(meeting, listener) {
      const key = meetingKey(meeting);
      // A listener of its own for every subscription, so that the same function may subscribe twice.
      const own = (bytes: Uint8Array) => listener(bytes);
      listeners.set(key, (listeners.get(key) ?? new Set()).add(own));
      return async () => remove(key, own);
    },
    async close() {
      listeners.clear();
    },
  };
}
