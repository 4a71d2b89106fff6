/** The hub that is tested, as its clients see it. */
import type { CloseInfo, ConnectionChange, ConnectionStatus, ConnectOptions } from '@meetcast/client';
import { type TranscriptFinal, TranscriptPage } from '@meetcast/protocol';
import { ChaosError } from './error.ts';

export interface TestedHub {
  /** `http:`, `https:`, `ws:` or `wss:`. */
  readonly url: string;
  /** May send and view; a function is asked for each connection. */
  readonly token: ConnectOptions['token'];
  /** How long a first connection, and each request, may take. Default 10 000. */
  readonly connectTimeoutMs?: number;
  /** A token that the hub accepts for so many seconds. Without it, what needs tokens that expire is skipped. */
  mint?(ttlSeconds: number): Promise<string>;
}

export const connectTimeoutOf = ({ connectTimeoutMs = 10_000 }: TestedHub): number => connectTimeoutMs;

/** A publisher or a subscription. */
interface Linked {
  readonly connection: ConnectionStatus;
  readonly closed: Promise<CloseInfo>;
  on(type: 'connection', listener: (change: ConnectionChange) => void): () => void;
}

/** Resolves once the link is connected; rejects with a ChaosError if it is closed or late. */
export async function connected(link: Linked, hub: TestedHub): Promise<void> {
  let last: Partial<CloseInfo> = {};
  let timer: NodeJS.Timeout | undefined;
  let off = () => {};
  try {
    await new Promise<void>((resolve, reject) => {
      const giveUp = (loss: Partial<CloseInfo>) => reject(notConnected(hub, loss));
      timer = setTimeout(() => giveUp(last), connectTimeoutOf(hub));
      off = link.on('connection', (change) => {
        if (change.status === 'connected') resolve();
        else last = { ...(change.code !== undefined && { code: change.code }), reason: change.reason ?? '' };
      });
      void link.closed.then(giveUp);
      if (link.connection === 'connected') resolve();
    });
  } finally {
    clearTimeout(timer);
    off();
  }
}

const notConnected = ({ url }: TestedHub, loss: Partial<CloseInfo>): ChaosError =>
  new ChaosError('not_connected', `cannot connect to ${url}: ${loss.reason || 'no answer'}`, {
    closed: loss,
  });

const pageLimit = 500;

/** The meeting's transcript as it is read over HTTP. Rejects with a ChaosError if there is none. */
export async function storedFinals(hub: TestedHub, meeting: string): Promise<TranscriptFinal[]> {
  const finals: TranscriptFinal[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: TranscriptPage = await pageOf(hub, `${meeting}/transcript?after=${after}&limit=${pageLimit}`);
    finals.push(...page.segments);
    if (page.next !== null && page.next <= after) throw requestFailed(hub, 'the pages never end');
    after = page.next;
  }
  return finals;
}

async function pageOf(hub: TestedHub, path: string): Promise<TranscriptPage> {
  const { url, token } = hub;
  const base = url.replace(/^ws/, 'http').replace(/\/+$/, '');
  const authorization = `Bearer ${typeof token === 'string' ? token : await token()}`;
  const signal = AbortSignal.timeout(connectTimeoutOf(hub));
  const answer = await fetch(`${base}/api/v1/meetings/${path}`, { headers: { authorization }, signal }).catch(
    (error: unknown) => {
      throw requestFailed(hub, String(error), error);
    },
  );
  if (!answer.ok) throw requestFailed(hub, `the answer is ${answer.status}`, answer);
  const page = TranscriptPage.safeParse(await answer.json().catch(() => undefined));
  if (page.success) return page.data;
  throw requestFailed(hub, 'the answer is not a transcript');
}

const requestFailed = ({ url }: TestedHub, why: string, cause?: unknown): ChaosError =>
  new ChaosError('request_failed', `cannot read a transcript from ${url}: ${why}`, { cause });
