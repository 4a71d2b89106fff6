/** A hub's events as lines of a log: who, where and what, never a token and never a word that was said. */
import type { HubEvent } from '@meetcast/server';
import { messageOf } from '../exit.ts';
import { printable } from '../show.ts';

/** A meeting as `tenant/id`, an error as its sentence. */
function logFields(event: HubEvent): Record<string, unknown> {
  const fields = Object.entries(event).map(([name, value]: [string, unknown]) => {
    if (name === 'error') return [name, messageOf(value)];
    if (name === 'meeting' && 'meeting' in event && event.meeting)
      return [name, `${event.meeting.tenant}/${event.meeting.id}`];
    return [name, value];
  });
  return Object.fromEntries(fields);
}

export const jsonLine = (event: HubEvent, now: Date): string =>
  JSON.stringify({ time: now.toISOString(), level: levelOf(event), ...logFields(event) });

/** `12:34:56 ingest pcm_streaming acme/standup mic` */
export function plainLine(event: HubEvent, now: Date): string {
  const { type, connection, ...rest } = logFields(event);
  const words = [type, ...Object.values(rest), connection].filter((word) => word !== undefined);
  return printable(`${now.toTimeString().slice(0, 8)} ${words.map(String).join(' ')}`);
}

export const levelOf = (event: HubEvent): 'info' | 'error' => (isTrouble(event) ? 'error' : 'info');

function isTrouble(event: HubEvent): boolean {
  if (event.type === 'remote') return event.state === 'away';
  if (event.type === 'recognizer') return event.state !== 'recovered';
  if (event.type === 'unheard') return event.state === 'too_old' || event.state === 'too_much';
  return event.type === 'error' || event.type === 'gap';
}
