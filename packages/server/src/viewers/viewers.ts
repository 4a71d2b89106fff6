/** Everybody who watches a meeting on this node, by whichever door. */
import type { Message } from '../bus/message.ts';
import type { MessageBus } from '../bus/message-bus.ts';
import type { Limits } from '../lib/limits.ts';
import type { MeetingRef } from '../lib/meeting.ts';
import { staggered } from '../lib/staggered.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Registry } from '../registry/registry.ts';
import type { Admission } from '../socket/admission.ts';
import type { Connection } from '../socket/connection.ts';
import type { Observe } from '../watch/observer.ts';
import type { ResumePoint } from './resume-point.ts';
import { Rooms } from './rooms.ts';
import { ViewerSession } from './session.ts';

/** Whoever follows a meeting on this node. */
export interface Viewer {
  /** Told to connect to another node; may be told again. */
  leave(): void;
}

export interface ViewersContext {
  readonly bus: MessageBus;
  readonly registry: Registry;
  readonly limits: Limits;
  readonly observe: Observe;
  log(meeting: MeetingRef): TranscriptLog;
  /** What a newcomer has to know of this node at the moment. */
  outageMessage(meeting: MeetingRef): Message | undefined;
}

export class Viewers {
  readonly rooms: Rooms;
  /** To be asked in turn to go elsewhere. A set and no signal: Node warns of one that has a listener for each of many. */
  readonly #here = new Set<Viewer>();
  readonly #context: ViewersContext;
  #isTurningAway = false;

  constructor(context: ViewersContext) {
    this.#context = context;
    this.rooms = new Rooms(context.bus, context.limits, context.observe);
  }

  /** One more, by whichever door; whoever comes late is asked at once. The returned function says that it has left. */
  enter(viewer: Viewer): () => void {
    if (this.#isTurningAway) {
      viewer.leave();
      return () => {};
    }
    this.#here.add(viewer);
    return () => void this.#here.delete(viewer);
  }

  /** One more, by a WebSocket. */
  admit(
    connection: Connection,
    admission: Admission,
    meeting: MeetingRef,
    start: ResumePoint,
  ): ViewerSession {
    const { registry, limits, observe, outageMessage } = this.#context;
    const log = this.#context.log(meeting);
    const context = { log, rooms: this.rooms, registry, limits, observe, outageMessage };
    const session = new ViewerSession(connection, admission, context);
    void connection.closed.then(this.enter(session));
    void session.start(start);
    return session;
  }

  /** Asks each of them to go elsewhere; resolves when all have been asked. */
  askToLeave(): Promise<void> {
    return staggered(this.#here, this.#context.limits.closeSpreadMs, (viewer) => viewer.leave());
  }

  /** All have been asked: who came meanwhile, or comes now, is late. */
  turnAway(): void {
    this.#isTurningAway = true;
    for (const viewer of [...this.#here]) viewer.leave();
  }

  close(): Promise<void> {
    return this.rooms.close();
  }
}
