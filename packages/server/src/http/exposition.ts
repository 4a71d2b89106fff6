/** Prometheus' text format 0.0.4, written. Pure. */
import type { Distribution } from '../watch/counts.ts';

/** A name's values: one for each set of labels. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: readonly Sample[];
}

interface Sample {
  /** What follows the metric's name: a histogram's `_sum`. */
  readonly suffix?: string;
  readonly labels?: Labels;
  readonly value: number;
}

type Labels = Readonly<Record<string, string>>;

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

export const exposition = (metrics: readonly Metric[]): string => metrics.map(textOf).join('');

/** A histogram's samples: every bucket holds those of the buckets below it. */
export function histogramOf({ bounds, atMost, count, sum }: Distribution): Sample[] {
  const bucket = (le: string, value: number) => ({ suffix: '_bucket', labels: { le }, value });
  return [
    ...bounds.map((bound, index) => bucket(numberText(bound), atMost[index] ?? 0)),
    bucket('+Inf', count),
    { suffix: '_sum', value: sum },
    { suffix: '_count', value: count },
  ];
}

function textOf({ name, help, type, samples }: Metric): string {
  const lines = samples.map(
    ({ suffix = '', labels = {}, value }) => `${name}${suffix}${labelsText(labels)} ${numberText(value)}`,
  );
  return [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${quoted(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

const quoted = (text: string): string => escaped(text).replaceAll('"', '\\"');

function numberText(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
