/** The demo's three viewers: one from the start, one who joins late, one whose connection is cut twice. */
import { type Subscription, subscribe } from '@meetcast/client';
import type { TranscriptFinal } from '@meetcast/protocol';
import { collectFinals, reached } from '@meetcast/testing/chaos';
import { connected } from '../connected.ts';
import type { Output } from '../output.ts';
import { demoNote } from '../sentences.ts';
import { count } from '../show.ts';
import type { Stage } from './stage.ts';

export interface Viewer {
  name: string;
  subscription: Subscription;
  finals: readonly TranscriptFinal[];
}

/** Meeting time, and a way to wait for it. */
export interface MeetingClock {
  readonly speed: number;
  /** Resolves at this millisecond of the meeting. */
  at(ms: number): Promise<void>;
}

/** Something happened to a viewer. */
export type Tell = (viewer: string, what: string, text: string) => void;

export const names = {
  first: 'viewer 1, from the start',
  late: 'viewer 2, joined late',
  dropped: 'viewer 3, dropped twice',
} as const;

const lateMs = 12_500;
const cutsMs = [
  { from: 6_000, to: 10_000 },
  { from: 19_000, to: 23_500 },
] as const;

export async function openViewer(
  name: string,
  stage: Stage,
  url: string,
  speed: number,
  output: Output,
): Promise<Viewer> {
  const subscription = subscribe({
    url,
    meeting: 'demo',
    token: stage.hub.token,
    backoff: { minMs: Math.max(10, 400 / speed), maxMs: Math.max(20, 1_000 / speed) },
  });
  stage.guests.add(subscription);
  const finals = collectFinals(subscription);
  await connected(subscription, { ...stage.hub, url }, output);
  return { name, subscription, finals };
}

export async function joinLate(
  clock: MeetingClock,
  first: Viewer,
  stage: Stage,
  tell: Tell,
  output: Output,
): Promise<Viewer> {
  await clock.at(lateMs);
  const head = first.subscription.position?.seq ?? 0;
  tell(names.late, 'joined', demoNote.joinsLate);
  const viewer = await openViewer(names.late, stage, stage.hub.url, clock.speed, output);
  await reached(viewer.subscription, head);
  tell(names.late, 'caught-up', demoNote.caughtUp(count(head, 'entry', 'entries')));
  return viewer;
}

export async function cutTwice(
  clock: MeetingClock,
  viewer: Viewer,
  first: Viewer,
  { remoteLink }: Stage,
  tell: Tell,
): Promise<void> {
  for (const { from, to } of cutsMs) {
    await clock.at(from);
    const last = viewer.subscription.position?.seq ?? 0;
    remoteLink.refuse(true);
    tell(viewer.name, 'cut', demoNote.cut(last));
    await clock.at(to);
    const missed = (first.subscription.position?.seq ?? 0) - last;
    remoteLink.mend();
    await backAgain(viewer.subscription);
    await reached(viewer.subscription, last + missed);
    const entries = missed === 0 ? undefined : count(missed, 'entry', 'entries');
    tell(viewer.name, 'resumed', demoNote.resumed(entries));
  }
}

function backAgain(subscription: Subscription): Promise<void> {
  if (subscription.connection === 'connected') return Promise.resolve();
  return new Promise((resolve) => {
    const off = subscription.on('connection', ({ status }) => {
      if (status === 'reconnecting') return;
      off();
      resolve();
    });
  });
}
