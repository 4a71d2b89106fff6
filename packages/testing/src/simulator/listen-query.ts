/** Deepgram's query validation for `/v1/listen`: a query is settings, or a reason to refuse it with 400. */

import { isNova3, type ListenSettings } from './listen-settings.ts';

export interface QueryRefusal {
  errCode: 'INVALID_QUERY_PARAMETER' | 'Bad Request';
  reason: string;
}

type Check = (value: string) => boolean;

const isBoolean: Check = (value) => value === 'true' || value === 'false';
const isText: Check = (value) => value !== '';
const isWholeBetween =
  (least: number, most: number): Check =>
  (value) =>
    /^\d{1,9}$/u.test(value) && Number(value) >= least && Number(value) <= most;
const isOneOf =
  (...allowed: string[]): Check =>
  (value) =>
    allowed.includes(value);

const encodings = ['linear16', 'linear32', 'flac', 'alaw', 'mulaw', 'amr-nb', 'amr-wb', 'opus', 'ogg-opus'];

/** Every documented parameter, with what its value must be. */
const parameters: Record<string, { check: Check; expected: string; repeats?: boolean }> = {
  model: { check: isText, expected: 'a model' },
  language: { check: (value) => /^[a-z]{2,5}(-[A-Za-z0-9]{2,8})*$/u.test(value), expected: 'a BCP-47 tag' },
  version: { check: isText, expected: 'a version' },
  encoding: { check: isOneOf(...encodings, 'speex', 'g729'), expected: 'a documented encoding' },
  sample_rate: { check: isWholeBetween(8000, 192_000), expected: 'an integer from 8000 to 192000' },
  channels: { check: isWholeBetween(1, 20), expected: 'an integer from 1 to 20' },
  endpointing: {
    check: (value) => value === 'false' || isWholeBetween(0, 60_000)(value),
    expected: 'milliseconds or `false`',
  },
  utterance_end_ms: { check: isWholeBetween(1000, 5000), expected: 'an integer from 1000 to 5000' },
  diarize_model: { check: isOneOf('latest', 'v1'), expected: '`latest` or `v1` for streaming' },
  callback: { check: isText, expected: 'a URL' },
  callback_method: { check: isOneOf('POST', 'GET', 'PUT', 'DELETE'), expected: 'an HTTP method' },
  tag: {
    check: (value) => isText(value) && value.length <= 128,
    expected: 'at most 128 characters',
    repeats: true,
  },
  extra: {
    check: (value) => /^[^:]+:/u.test(value) && value.length <= 2048,
    expected: '`key:value` of at most 2048 characters',
    repeats: true,
  },
  keyterm: { check: isText, expected: 'a term', repeats: true },
  keywords: {
    check: (value) => /^[^:]+(:-?\d+(\.\d+)?)?$/u.test(value),
    expected: '`word:weight`',
    repeats: true,
  },
  redact: { check: isText, expected: 'what to redact', repeats: true },
  replace: { check: isText, expected: '`find:replace`', repeats: true },
  search: { check: isText, expected: 'a term', repeats: true },
  ...Object.fromEntries(
    [
      ...[
        'interim_results',
        'vad_events',
        'multichannel',
        'diarize',
        'punctuate',
        'smart_format',
        'numerals',
      ],
      ...['profanity_filter', 'dictation', 'detect_entities', 'mip_opt_out'],
    ].map((name) => [name, { check: isBoolean, expected: '`true` or `false`' }]),
  ),
};

const modelFamilies =
  /^(nova-3(-(general|medical))?|(nova-2|nova|enhanced|base)(-(general|meeting|phonecall|finance|conversationalai|voicemail|video|medical|drivethru|automotive|atc))?|custom)$/u;
const mostKeytermTokens = 500;

/** Checks in the order a server meets them: each parameter, then what only makes sense together, then the model. */
export function parseQuery(search: string): ListenSettings | QueryRefusal {
  const query = new URLSearchParams(search);
  const reason = badParameter(query) ?? badCombination(query);
  if (reason) return { errCode: 'INVALID_QUERY_PARAMETER', reason };
  const model = query.get('model') ?? '';
  if (!modelFamilies.test(model) || (query.get('language') === 'multi' && !/^nova-[23]/u.test(model))) {
    return { errCode: 'Bad Request', reason: 'Bad Request: No such model/version combination found.' };
  }
  return settingsOf(query, model);
}

function badParameter(query: URLSearchParams): string | undefined {
  const failed = (why: string) => `Failed to deserialize query parameters: ${why}`;
  for (const [name, value] of query) {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (!parameter) return failed(`unknown field \`${name}\``);
    if (!parameter.repeats && query.getAll(name).length > 1) return failed(`duplicate field \`${name}\``);
    if (!parameter.check(value)) {
      return failed(`invalid value \`${value}\` for \`${name}\`, expected ${parameter.expected}`);
    }
  }
  return query.has('model') ? undefined : failed('missing field `model`');
}

function badCombination(query: URLSearchParams): string | undefined {
  const nova3 = isNova3(query.get('model') ?? '');
  const keytermTokens = query.getAll('keyterm').flatMap((term) => term.split(/\s+/u)).length;
  if (query.has('encoding') && !query.has('sample_rate')) return '`encoding` requires `sample_rate`.';
  if (query.has('utterance_end_ms') && query.get('interim_results') !== 'true') {
    return '`utterance_end_ms` requires `interim_results=true`.';
  }
  if (query.has('keywords') && nova3) return 'Keywords are not supported for Nova-3. Use keyterm instead.';
  if (query.has('keyterm') && !nova3) return 'Keyterms are only supported for Nova-3.';
  if (keytermTokens > mostKeytermTokens) {
    return `Keyterm limit exceeded. The maximum number of tokens across all keyterms is ${mostKeytermTokens}.`;
  }
  return undefined;
}

function settingsOf(query: URLSearchParams, model: string): ListenSettings {
  const isTrue = (name: string) => query.get(name) === 'true';
  const number = (name: string, fallback: number) => Number(query.get(name) ?? fallback);
  const endpointing = query.get('endpointing') ?? '10';
  const encoding = query.get('encoding') ?? undefined;
  const extra = query
    .getAll('extra')
    .map((pair) => [pair.split(':', 1)[0], pair.slice(pair.indexOf(':') + 1)]);
  return {
    model,
    language: query.get('language') ?? 'en',
    encoding,
    sampleRate: number('sample_rate', 16_000),
    channels: encoding ? number('channels', 1) : 1,
    multichannel: isTrue('multichannel'),
    interimResults: isTrue('interim_results'),
    endpointingMs: endpointing === 'false' ? undefined : Number(endpointing),
    utteranceEndMs: query.has('utterance_end_ms') ? number('utterance_end_ms', 0) : undefined,
    vadEvents: isTrue('vad_events'),
    punctuate: isTrue('punctuate') || isTrue('smart_format') || isTrue('detect_entities'),
    diarize: isTrue('diarize') || query.has('diarize_model'),
    detectEntities: isTrue('detect_entities'),
    extra: extra.length > 0 ? Object.fromEntries(extra) : undefined,
  };
}
