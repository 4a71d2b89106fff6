/** What a node tells Prometheus. No label names a tenant, a meeting or a person. */

import { metricHelp } from '../lib/sentences.ts';
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
    help: metricHelp.connections,
    type: 'gauge',
    samples: (['ingest', 'subscriber'] as const).map((kind) => ({
      labels: { kind },
      value: counts.connections(kind),
    })),
  },
  gauge('meetcast_meetings', metricHelp.meetings, counts.meetings),
  counter('meetcast_closes_total', metricHelp.closes, {
    word: counts.closes,
  }),
  {
    name: 'meetcast_messages_total',
    help: metricHelp.messages,
    type: 'counter',
    samples: [{ value: rooms.delivered }],
  },
];

const audio = ({ ledger }: RestContext): Metric[] => [
  {
    name: 'meetcast_audio_seconds_total',
    help: metricHelp.audioSeconds,
    type: 'counter',
    samples: [...ledger.totals].flatMap(([source, totals]) =>
      Object.entries(totals).map(([stage, ms]) => ({ labels: { source, stage }, value: ms / 1000 })),
    ),
  },
];

const words = (counts: HubCounts): Metric[] => [
  counter('meetcast_finals_total', metricHelp.finals, { source: counts.finals }),
  {
    name: 'meetcast_final_lag_seconds',
    help: metricHelp.finalLag,
    type: 'histogram',
    samples: histogramOf(counts.finalLagSeconds),
  },
];

const troubles = ({ counts, outbox, late, isIsolated }: RestContext): Metric[] => [
  counter('meetcast_gaps_total', metricHelp.gaps, {
    cause: counts.gaps,
  }),
  counter('meetcast_gap_seconds_total', metricHelp.gapSeconds, { cause: counts.gapMs }, 1_000),
  counter(
    'meetcast_repaired_seconds_total',
    metricHelp.repairedSeconds,
    { source: counts.repairedMs },
    1_000,
  ),
  gauge('meetcast_unheard_bytes', metricHelp.unheardBytes, late.keptBytes),
  gauge('meetcast_unheard_seconds', metricHelp.unheardSeconds, late.keptMs / 1_000),
  counter('meetcast_recognizer_state_total', metricHelp.recognizerState, {
    state: counts.recognizerStates,
  }),
  gauge('meetcast_store_outbox_bytes', metricHelp.outboxBytes, outbox.bytes),
  {
    name: 'meetcast_degraded',
    help: metricHelp.degraded,
    type: 'gauge',
    samples: [
      { labels: { part: 'storage' }, value: Number(outbox.isDelayed) },
      { labels: { part: 'redis' }, value: Number(isIsolated) },
    ],
  },
  counter('meetcast_errors_total', metricHelp.errors, { stage: counts.errors }),
];

function processMetrics(version: string): Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    {
      name: 'meetcast_build_info',
      help: metricHelp.buildInfo,
      type: 'gauge',
      samples: [{ labels: { version }, value: 1 }],
    },
    {
      name: 'process_cpu_seconds_total',
      help: metricHelp.cpuSeconds,
      type: 'counter',
      samples: [{ value: (user + system) / 1e6 }],
    },
    gauge('process_resident_memory_bytes', metricHelp.residentBytes, process.memoryUsage.rss()),
    gauge('process_start_time_seconds', metricHelp.startTime, performance.timeOrigin / 1000),
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
