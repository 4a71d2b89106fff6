/** Reads Prometheus' text format 0.0.4, and throws at whatever is not of it. */

interface Family {
  readonly type: string;
  readonly help: string;
  /** By the name and labels as they were written. */
  readonly samples: Map<string, number>;
}

export interface Exposition {
  readonly families: ReadonlyMap<string, Family>;
  /** The value of a series as it is written: `up{job="a"}`. */
  value(series: string): number | undefined;
}

const name = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const commentLine = new RegExp(`^# (HELP|TYPE) (${name}) (.+)$`);
const sampleLine = new RegExp(`^((${name})(?:\\{${label}(?:,${label})*\\})?) (\\S+)$`);
const number = /^(NaN|[+-]Inf|[+-]?\d+(\.\d+)?(e[+-]?\d+)?)$/;

export function readExposition(text: string): Exposition {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  let help: [string, string] | undefined;
  let current: [string, Family] | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, word, named = '', rest = ''] = commentLine.exec(line) ?? [];
    if (word === 'HELP') help = [named, rest];
    else if (word === 'TYPE') {
      if (help?.[0] !== named || families.has(named)) throw new Error(`not where a type belongs: ${line}`);
      current = [named, { type: rest, help: help[1], samples: new Map() }];
      families.set(...current);
    } else takeSample(line, current);
  }
  return {
    families,
    value: (series) => [...families.values()].map(({ samples }) => samples.get(series)).find(isThere),
  };
}

function takeSample(line: string, current: [string, Family] | undefined): void {
  const [, series = '', named = '', value = ''] = sampleLine.exec(line) ?? [];
  if (!current || !number.test(value)) throw new Error(`no sample: ${line}`);
  const [family, { type, samples }] = current;
  const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  if (!suffixes.some((suffix) => named === family + suffix)) throw new Error(`not of ${family}: ${line}`);
  if (samples.has(series)) throw new Error(`twice: ${line}`);
  samples.set(series, Number(value.replace('Inf', 'Infinity')));
}

const isThere = (value: number | undefined): boolean => value !== undefined;
