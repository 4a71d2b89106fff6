/** Watches a meeting until it has ended, the time is over or somebody has seen enough. */
import {
  type SubscribeOptions,
  type Subscription,
  type SubscriptionEvent,
  subscribe,
} from '@meetcast/client';
import { backoff, connected, connectionNote } from '../connected.ts';
import type { Context } from '../context.ts';
import { partialLine, textOf } from '../event-text.ts';
import { CliError } from '../exit.ts';
import { asUsage, linkFailure } from '../failure.ts';
import { type Hub, type HubFlags, resolveHub } from '../hub-options.ts';
import type { Output } from '../output.ts';
import { readNote } from '../sentences.ts';
import { onStopSignal } from '../signals.ts';

export interface SubscribeFlags extends HubFlags {
  meeting: string;
  since?: number;
  epoch?: string;
  history?: 'all' | 'none' | number;
  until?: 'ended';
  timeout?: number;
}

export async function watch(flags: SubscribeFlags, context: Context): Promise<void> {
  const { output } = context;
  const hub = await resolveHub(flags, context);
  const subscription = asUsage(() => subscribe(options(flags, hub)));
  const end = endOf(subscription, flags);
  show(subscription, output);
  try {
    // Ctrl-C and --timeout count while the hub is not there yet, too.
    await Promise.race([end.reached, failed(subscription, hub, output)]);
  } finally {
    end.stopWaiting();
    output.live([]);
    subscription.close();
  }
}

const options = (
  { meeting, since, epoch, history: past }: SubscribeFlags,
  { url, token }: Hub,
): SubscribeOptions => ({
  url,
  token,
  meeting,
  backoff,
  ...(since === undefined ? {} : { since }),
  ...(epoch === undefined ? {} : { epoch }),
  ...(past === undefined ? {} : { history: past }),
});

/** Rejects when the hub is not to be had, or ends the link for good. */
async function failed(subscription: Subscription, hub: Hub, output: Output): Promise<never> {
  await connected(subscription, hub, output);
  throw linkFailure(await subscription.closed);
}

interface End {
  /** Resolves when there is no more to wait for, rejects with a CliError when it was in vain. */
  reached: Promise<void>;
  stopWaiting(): void;
}

function endOf(subscription: Subscription, { until, timeout }: SubscribeFlags): End {
  let timer: NodeJS.Timeout | undefined;
  let ignoreSignals = () => {};
  const reached = new Promise<void>((resolve, reject) => {
    ignoreSignals = onStopSignal(() => resolve());
    if (until === 'ended')
      subscription.on('status', ({ status, seq }) => {
        if (status === 'ended' && seq !== undefined) resolve();
      });
    if (timeout !== undefined)
      timer = setTimeout(
        () => reject(new CliError('timedOut', ...readNote.timedOut(timeout))),
        timeout * 1000,
      );
  });
  return {
    reached,
    stopWaiting: () => {
      clearTimeout(timer);
      ignoreSignals();
    },
  };
}

function show(subscription: Subscription, output: Output): void {
  subscription.on('event', (event) => {
    if (output.json) return output.emit({ event: event.type, ...event });
    print(event, output);
    showPartials(subscription, output);
  });
  subscription.on('reset', (position) => {
    output.emit({ event: 'reset', ...position });
    output.say(readNote.reset);
  });
  // People read it as the reason of the close that follows.
  subscription.on('error', ({ code, message, retryable }) =>
    output.emit({ event: 'hub-error', code, message, retryable }),
  );
  let wasConnected = false;
  subscription.on('connection', (change) => {
    if (change.status !== 'closed') output.emit({ event: 'connection', ...change });
    const note = wasConnected ? connectionNote(change) : undefined;
    if (note) output.say(output.notePaint.yellow(note));
    wasConnected ||= change.status === 'connected';
  });
}

function print(event: SubscriptionEvent, { emit, say, notePaint }: Output): void {
  const shown = textOf(event);
  if (shown?.kind === 'words') emit({ event: event.type }, shown.text);
  if (shown?.kind === 'note') say(notePaint.dim(shown.text));
}

function showPartials({ transcript }: Subscription, { live, columns, notePaint }: Output): void {
  live(
    transcript.partials
      .filter(({ text }) => text !== '')
      .map((partial) => notePaint.dim(partialLine(partial, columns))),
  );
}
