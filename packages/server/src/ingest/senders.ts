/** Everybody who sends to this node, and what is waited for of those whose link broke off, or whose node died. */
import type { Source } from '@meetcast/protocol';
import type { MeetingRef } from '../lib/meeting.ts';
import { SlidingWindow } from '../lib/rate-limit.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Admission } from '../socket/admission.ts';
import type { Connection } from '../socket/connection.ts';
import { watchDeadNodes } from './dead-node.ts';
import { Grace } from './grace.ts';
import { type SenderContext, SenderSession } from './session.ts';

export interface SendersContext extends Omit<SenderContext, 'log' | 'grace' | 'connects'> {
  log(meeting: MeetingRef): TranscriptLog;
  /** A source is no longer sent to this node. */
  silence(meeting: MeetingRef, source: Source): void;
}

export class Senders {
  readonly #context: SendersContext;
  readonly #sessions = new Set<SenderSession>();
  readonly #grace: Grace;
  readonly #connects: SlidingWindow;
  readonly #leaveDeadNodes: () => void;

  constructor(context: SendersContext) {
    const { limits, registry, ledger, observe, log } = context;
    const { graceMs } = limits;
    this.#context = context;
    this.#grace = new Grace(graceMs);
    this.#connects = new SlidingWindow(limits.connectsPerWindow, limits.connectWindowMs);
    this.#leaveDeadNodes = watchDeadNodes({ registry, ledger, observe, log, grace: this.#grace, graceMs });
  }

  admit(
    connection: Connection,
    admission: Admission,
    meeting: MeetingRef,
    source: Source | undefined,
  ): SenderSession {
    const { log, silence } = this.#context;
    const context = {
      ...this.#context,
      log: log(meeting),
      grace: this.#grace,
      connects: this.#connects,
    };
    const session = new SenderSession(connection, admission, context, source);
    this.#sessions.add(session);
    void session.ended.then(() => {
      this.#sessions.delete(session);
      if (session.source) silence(meeting, session.source);
    });
    session.start();
    return session;
  }

  /** Takes no more audio. What nodes that died have left is for the others. */
  end(): void {
    this.#leaveDeadNodes();
    for (const session of this.#sessions) session.end();
  }

  /** Resolves when each of them has been heard out, and nobody is waited for. */
  async heardOut(): Promise<void> {
    await Promise.all([...this.#sessions].map(({ ended }) => ended));
    await this.#grace.close();
  }

  /** Waits for none of them any longer; resolves when nothing of them is left. */
  async abandon(): Promise<void> {
    const ends = [...this.#sessions].map(({ ended }) => ended);
    for (const session of this.#sessions) session.abandon();
    await Promise.all(ends);
  }
}
