/** What the whole cluster adds up to: each node tells its share when it changes, and again before it expires. */
import type { Source } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { RedisLink } from '../redis/link.ts';
import { keepMs } from './redis-meetings.ts';
import { lapsedScript, runScript, tellTotalsScript, totalsScript } from './redis-scripts.ts';
import type { HubCounts } from './registry.ts';

const keys = ['meetings', 'sources', 'viewers', 'claims'].map((name) => `meetcast:{totals}:${name}`);
/** Names in one command. */
const namesAtOnce = 500;
/** Claims a node takes up at a time. */
const lapsedAtOnce = 64;

export class RedisTotals {
  readonly #link: RedisLink;
  readonly #leaseMs: number;
  readonly #seats: () => number;
  /** What is to be told: names of meetings (`m`), sources (`s`) and claims (`c`), and whether they are there. */
  #changes = new Map<string, boolean>();
  #sending: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(link: RedisLink, leaseMs: number, seats: () => number) {
    this.#link = link;
    this.#leaseMs = leaseMs;
    this.#seats = seats;
  }

  noteMeeting(meeting: MeetingRef, isThere: boolean): void {
    this.#changes.set(`m${meetingKey(meeting)}`, isThere);
  }

  noteSource(meeting: MeetingRef, source: Source, isThere: boolean): void {
    this.#changes.set(`s${source} ${meetingKey(meeting)}`, isThere);
  }

  noteClaim(meeting: MeetingRef, source: Source, isThere: boolean): void {
    this.#changes.set(`c${source} ${meetingKey(meeting)}`, isThere);
  }

  /** Resolves once all that was noted has been told, with what others note meanwhile; if it cannot be, renewals will. */
  tell(): Promise<void> {
    this.#next ??= this.#sending.then(() => {
      this.#next = undefined;
      this.#sending = this.#send().catch(() => {});
      return this.#sending;
    });
    return this.#next;
  }

  async read(): Promise<HubCounts> {
    const counts = await this.#link.run((client) => runScript(client, totalsScript, keys, []));
    const [meetings, subscribers, ingests] = counts as [number, number, number];
    return { meetings, subscribers, ingests };
  }

  /** Claims of which some may have outlived their leases. No other node is given them for so long. */
  async lapsed(againMs: number): Promise<{ meeting: MeetingRef; source: Source }[]> {
    const args = [againMs, lapsedAtOnce];
    const names = (await this.#link.run((client) => runScript(client, lapsedScript, keys, args))) as string[];
    return names.map((name) => {
      const [source, tenant = '', id = ''] = name.split(/[ /]/);
      return { meeting: { tenant, id }, source: source as Source };
    });
  }

  async #send(): Promise<void> {
    const changes = [...this.#changes];
    this.#changes = new Map();
    for (let from = 0; from === 0 || from < changes.length; from += namesAtOnce) {
      const names = changes
        .slice(from, from + namesAtOnce)
        .flatMap(([name, isThere]) => [`${isThere ? '+' : '-'}${name.charAt(0)}`, name.slice(1)]);
      const args = [this.#link.node, this.#leaseMs, keepMs, this.#seats(), ...names];
      await this.#link.run((client) => runScript(client, tellTotalsScript, keys, args));
    }
  }
}
