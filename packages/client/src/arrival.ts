/** A frame of the viewer's socket, by what it means for the order of events. */
import type { ErrorMessage, LoggedEvent, SubscriberDownstream } from '@meetcast/protocol';
import type { SubscriptionEvent } from './transcript.ts';

/**
 * - `logged`: has its place in the order; without an `event`, a newer hub logged a kind that is not known here.
 * - `passing`: goes by at any time.
 */
export type Arrival =
  | { name: 'logged'; seq: number; event?: SubscriptionEvent & LoggedEvent }
  | { name: 'passing'; event: SubscriptionEvent };

export function arrivalOf(
  message: Exclude<
    SubscriberDownstream,
    { type: 'connected' } | { type: 'pong' } | { type: 'auth_ok' } | ErrorMessage
  >,
): Arrival {
  if (message.type === 'transcript.partial' || message.type === 'audio.level')
    return { name: 'passing', event: message };
  if (message.type !== 'status') return { name: 'logged', seq: message.seq, event: message };
  const { seq, ...rest } = message;
  return seq === undefined
    ? { name: 'passing', event: rest }
    : { name: 'logged', seq, event: { ...rest, seq } };
}

/** An entry of an unknown kind takes its place in the order; left out, it would look like a hole for ever. */
export function unknownArrival(text: string): Arrival | undefined {
  const seq = seqIn(text);
  return seq === undefined ? undefined : { name: 'logged', seq };
}

function seqIn(text: string): number | undefined {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== 'object' || json === null || !('seq' in json)) return undefined;
    // A malformed greeting has a `seq` too, and it is not a place in the order.
    if ('type' in json && json.type === 'connected') return undefined;
    return Number.isInteger(json.seq) ? Number(json.seq) : undefined;
  } catch {
    return undefined;
  }
}
