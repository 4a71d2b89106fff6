/** What a node tells Prometheus. No label names a tenant, a meeting or a person. */
import type { HubCounts, Tally } from '../watch/counts.ts';
import type { OpenCall, RestContext } from './endpoint.ts';
import type { HubResponse } from './exchange.ts';
import { exposition, expositionType, histogramOf, type Metric } from './exposition.ts';

export async function metrics({ context }: OpenCall): Promise<HubResponse> {
  const all = [...presence(context), ...audio(context), ...words(context.counts), ...troubles(context)];
  return {
    status: 200,
    headers: { 'content-type': expositionType },
    body: exposition([...all, ...processMetrics(context.version)]),
  };
}

const presence = ({ counts, rooms }: RestContext): Metric[] => [
  {
    name: 'meetcast_connections',
    help: 'Senders and viewers on this node, by kind.',
    type: 'gauge',
    samples: (['ingest', 'subscriber'] as const).map((kind) => ({
      labels: { kind },
      value: counts.connections(kind),
    })),
  },
  gauge('meetcast_meetings', 'Meetings that somebody on this node sends to or follows.', counts.meetings),
  counter('meetcast_closes_total', 'Sockets that the hub closed, by the word of the close.', {
    word: counts.closes,
  }),
  {
    name: 'meetcast_messages_total',
    help: 'Messages handed to viewers, each once per viewer.',
    type: 'counter',
    samples: [{ value: rooms.delivered }],
  },
];

const audio = ({ ledger }: RestContext): Metric[] => [
  {
    name: 'meetcast_audio_seconds_total',
    help: 'Audio received from senders, forwarded to the recognizer, and covered by stored words or silence.',
    type: 'counter',
    samples: [...ledger.totals].flatMap(([source, totals]) =>
      Object.entries(totals).map(([stage, ms]) => ({ labels: { source, stage }, value: ms / 1000 })),
    ),
  },
];

const words = (counts: HubCounts): Metric[] => [
  counter('meetcast_finals_total', 'Finals that were stored.', { source: counts.finals }),
  {
    name: 'meetcast_final_lag_seconds',
    help: 'Audio that its source had sent after the words of a final, when that was stored.',
    type: 'histogram',
    samples: histogramOf(counts.finalLagSeconds),
  },
];

const troubles = ({ counts, outbox, late, isIsolated }: RestContext): Metric[] => [
  counter('meetcast_gaps_total', 'Stretches of audio without words, as the log says.', {
    cause: counts.gaps,
  }),
  counter('meetcast_gap_seconds_total', 'Length of these stretches.', { cause: counts.gapMs }, 1_000),
  counter(
    'meetcast_repaired_seconds_total',
    'Audio of such stretches that this hub has heard late.',
    { source: counts.repairedMs },
    1_000,
  ),
  gauge('meetcast_unheard_bytes', 'Audio that nobody has heard and that is kept.', late.keptBytes),
  gauge('meetcast_unheard_seconds', 'The same in seconds.', late.keptMs / 1_000),
  counter('meetcast_recognizer_state_total', 'How often it was said that the way to the recognizer is so.', {
    state: counts.recognizerStates,
  }),
  gauge('meetcast_store_outbox_bytes', 'Writes that wait for the store.', outbox.bytes),
  {
    name: 'meetcast_degraded',
    help: '1 while a part is away: the store is slow or cannot be written, or the other nodes cannot be reached.',
    type: 'gauge',
    samples: [
      { labels: { part: 'storage' }, value: Number(outbox.isDelayed) },
      { labels: { part: 'redis' }, value: Number(isIsolated) },
    ],
  },
  counter('meetcast_errors_total', 'Failures that the hub has dealt with.', { stage: counts.errors }),
];

function processMetrics(version: string): Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    {
      name: 'meetcast_build_info',
      help: 'The version of this hub; always 1.',
      type: 'gauge',
      samples: [{ labels: { version }, value: 1 }],
    },
    {
      name: 'process_cpu_seconds_total',
      help: 'CPU time of the process.',
      type: 'counter',
      samples: [{ value: (user + system) / 1e6 }],
    },
    gauge('process_resident_memory_bytes', 'Memory of the process.', process.memoryUsage.rss()),
    gauge('process_start_time_seconds', 'When the process began, since 1970.', performance.timeOrigin / 1000),
  ];
}

const gauge = (name: string, help: string, value: number): Metric => ({
  name,
  help,
  type: 'gauge',
  samples: [{ value }],
});

/** A sum for each word of one label. `per`: how many of what was summed make one of what is told. */
function counter(name: string, help: string, by: Readonly<Record<string, Tally>>, per = 1): Metric {
  const samples = Object.entries(by).flatMap(([label, { sums }]) =>
    [...sums].map(([word, sum]) => ({ labels: { [label]: word }, value: sum / per })),
  );
  return { name, help, type: 'counter', samples };
}
