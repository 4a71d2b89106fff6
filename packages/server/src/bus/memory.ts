/** A bus for one node: a message goes straight to the listeners in this process. */
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { Bus } from './bus.ts';
import type { Message } from './message.ts';

export function memoryBus(): Bus {
  const listeners = new Map<string, Set<(message: Message) => void>>();

  function remove(key: string, listener: (message: Message) => void): void {
    const there = listeners.get(key);
    if (!there?.delete(listener) || there.size > 0) return;
    listeners.delete(key);
  }

  return {
    async publish(meeting: MeetingRef, message: Message) {
      for (const listener of [...(listeners.get(meetingKey(meeting)) ?? [])]) {
        try {
          listener(message);
        } catch {
          // The contract: one listener's failure is not the publisher's, nor another listener's.
        }
      }
    },
    async subscribe(meeting, listener) {
      const key = meetingKey(meeting);
      // A listener of its own for every subscription, so that the same function may subscribe twice.
      const own = (message: Message) => listener(message);
      listeners.set(key, (listeners.get(key) ?? new Set()).add(own));
      return async () => remove(key, own);
    },
    async close() {
      listeners.clear();
    },
  };
}
