/** The hub: wires the parts together and gives a host its four doors. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { meetingIdPattern } from '@meetcast/protocol';
import { MessageBus } from './bus/message-bus.ts';
import { ClusterReach } from './cluster-reach.ts';
import { Doors } from './http/doors.ts';
import {
  type Adapters,
  adaptersOf,
  checkHubOptions,
  entranceOf,
  formatOf,
  type HubOptions,
} from './hub-options.ts';
import { Senders } from './ingest/senders.ts';
import { LateHearing } from './late-hearing/late-hearing.ts';
import { limitsWith } from './lib/limits.ts';
import type { MeetingRef } from './lib/meeting.ts';
import { withTimeout } from './lib/with-timeout.ts';
import { HostMeeting } from './log/host-meeting.ts';
import { type Logs, openLogs } from './log/logs.ts';
import { isolationMessage, type OutageStatus, outageStatusOf } from './log/outage.ts';
import { AudioLedger } from './transcription/audio-ledger.ts';
import { Viewers, type ViewersContext } from './viewers/viewers.ts';
import { HubCounts } from './watch/counts.ts';
import { observed, safely } from './watch/observer.ts';

export interface TranscriptHub {
  /** Answers the hub's own paths on a Node server, beside whoever else listens. The returned function undoes it. */
  attach(server: Server): () => void;
  /** Answers a request to one of the hub's paths; otherwise touches nothing and resolves with false. */
  handleRequest(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
  /** Answers an upgrade of one of the hub's paths; otherwise touches nothing and returns false. */
  handleUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): boolean;
  /** The same for hosts that speak the web's Request and Response. WebSockets still need `attach`. */
  fetch(request: Request): Promise<Response | undefined>;
  /** A meeting to which the host itself adds statuses, tips, summaries and segments. */
  meeting(ref: MeetingRef): HostMeeting;
  /** Takes no more connections, stores what was heard, asks clients to come back elsewhere, and ends. */
  close(): Promise<void>;
}

export function createTranscriptHub(options: HubOptions): TranscriptHub {
  checkHubOptions(options);
  const hub = new Hub(options);
  return {
    attach: (server) => hub.doors.attach(server),
    handleRequest: (request, response) => hub.doors.handleRequest(request, response),
    handleUpgrade: (request, stream, head) => hub.doors.handleUpgrade(request, stream, head),
    fetch: (request) => hub.doors.fetch(request),
    meeting: (ref) => hub.meeting(ref),
    close: () => hub.close(),
  };
}

/** What rooms, senders and answers stand on alike. */
interface Parts extends Omit<Adapters, 'bus'>, Logs, ViewersContext {
  readonly ledger: AudioLedger;
}

class Hub {
  readonly doors: Doors;
  readonly #counts = new HubCounts();
  readonly #adapters: Adapters;
  readonly #parts: Parts;
  readonly #late: LateHearing;
  readonly #viewers: Viewers;
  readonly #senders: Senders;
  readonly #clusterReach: ClusterReach;
  #closing: Promise<void> | undefined;

  constructor(options: HubOptions) {
    const limits = limitsWith(options.limits);
    const observe = this.#counts.before(safely(options.observe));
    this.#adapters = adaptersOf(options, observe);
    const bus = new MessageBus(this.#adapters.bus, observe);
    const base = { ...this.#adapters, bus, ledger: new AudioLedger(), limits, observe };
    const parts: Parts = {
      ...base,
      ...openLogs({ ...base, onStorage: (meeting, status) => this.#sayStorage(meeting, status) }),
      outageMessage: (meeting) =>
        this.#clusterReach.isAway ? isolationMessage(meeting, 'degraded') : undefined,
    };
    this.#parts = parts;
    this.#late = new LateHearing(options.unheard ?? {}, parts);
    this.#viewers = new Viewers(parts);
    const { rooms } = this.#viewers;
    this.#senders = new Senders({
      ...parts,
      late: this.#late,
      defaultFormat: formatOf(options),
      senders: rooms.senders,
      silence: (meeting, source) => rooms.silence(meeting, source),
    });
    this.#clusterReach = new ClusterReach(this.#adapters, observe, (state) =>
      this.#sayReach(state === 'away'),
    );
    this.doors = this.#open(options);
  }

  meeting(ref: MeetingRef): HostMeeting {
    for (const [name, value] of Object.entries({ tenant: ref.tenant, id: ref.id })) {
      if (!meetingIdPattern.test(value)) {
        throw new TypeError(`${name} must be 1–128 characters of A–Z a–z 0–9 . _ : -, got "${value}"`);
      }
    }
    return new HostMeeting(this.#parts.log(ref), this.#parts.registry);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    void this.#late.stop();
    this.#senders.end();
    // Viewers elsewhere hear the last words too; if there is no elsewhere they hear them here, before the goodbye.
    const isServedElsewhere = this.#adapters.bus?.remote !== undefined;
    const asked = isServedElsewhere ? this.#viewers.askToLeave() : undefined;
    await withTimeout(this.#stored(), this.#parts.limits.closeDeadlineMs, giveUp);
    const sendersGone = this.#senders.abandon();
    await withTimeout(sendersGone, farewellMs, giveUp);
    this.#parts.outbox.close();
    await withTimeout(this.#late.close(), savingMs, giveUp);
    await nextTurn(); // What is due in this one has been done then.
    await (asked ?? this.#viewers.askToLeave());
    this.#viewers.turnAway();
    await withTimeout(Promise.allSettled([sendersGone, ...this.doors.ends]), farewellMs, giveUp);
    this.doors.close();
    this.#clusterReach.close();
    await this.#viewers.close();
    await this.#adapters.close();
  }

  /** Resolves when every sender has been heard out, and nothing waits for the store. */
  async #stored(): Promise<void> {
    await this.#senders.heardOut();
    await this.#parts.outbox.idle();
  }

  /** For everybody in the meeting; not kept, for what would keep it is slow or away. */
  #sayStorage(meeting: MeetingRef, status: OutageStatus): void {
    const message = this.#parts.log(meeting).show(outageStatusOf(meeting, 'storage', status));
    this.#viewers.rooms.senders.show(meeting, message);
  }

  /** For everybody on this node, and nobody else. */
  #sayReach(isAway: boolean): void {
    const { rooms } = this.#viewers;
    const status = isAway ? 'degraded' : 'recovered';
    for (const meeting of rooms.meetings) rooms.show(meeting, isolationMessage(meeting, status));
    rooms.setIsolated(isAway);
  }

  #open(options: HubOptions): Doors {
    const { limits, observe } = this.#parts;
    const { rooms } = this.#viewers;
    const entrance = entranceOf(options);
    return new Doors({
      ...entrance,
      authenticate: observed(entrance.authenticate, observe),
      limits,
      observe,
      viewers: this.#viewers,
      senders: this.#senders,
      isDraining: () => this.#closing !== undefined,
      rest: () => ({
        ...this.#parts,
        rooms,
        counts: this.#counts,
        late: this.#late,
        cluster: this.#clusterReach.all,
        isIsolated: this.#clusterReach.isAway,
        viewers: this.#viewers,
      }),
    });
  }
}

/** Time that goodbyes may take. */
const farewellMs = 1_000;
/** Time that unheard audio may take to be safe on disk. */
const savingMs = 10_000;

/** A hub that closes waits only so long. */
const giveUp = () => {};
