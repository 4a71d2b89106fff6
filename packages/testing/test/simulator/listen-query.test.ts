import { expect, test } from 'vitest';
import { parseQuery } from '../../src/simulator/listen-query.ts';

const raw = 'model=nova-3&encoding=linear16&sample_rate=16000';

test('all documented parameters are accepted', () => {
  const query = [
    raw,
    'language=en-US&channels=2&multichannel=true&interim_results=true&endpointing=300&utterance_end_ms=1000',
    'vad_events=true&punctuate=true&smart_format=true&numerals=true&profanity_filter=true&dictation=true',
    'detect_entities=true&diarize=true&diarize_model=latest&keyterm=a+b&keyterm=c&mip_opt_out=true&tag=x&tag=y',
    'extra=a:b&extra=c:d&redact=pci&redact=ssn&replace=a:b&search=x&callback=http://localhost&callback_method=POST',
    'version=latest',
  ].join('&');
  expect(parseQuery(query)).toEqual({
    model: 'nova-3',
    language: 'en-US',
    encoding: 'linear16',
    sampleRate: 16_000,
    channels: 2,
    multichannel: true,
    interimResults: true,
    endpointingMs: 300,
    utteranceEndMs: 1000,
    vadEvents: true,
    punctuate: true,
    diarize: true,
    detectEntities: true,
    extra: { a: 'b', c: 'd' },
  });
});

test('the defaults are the documented ones', () => {
  expect(parseQuery(raw)).toMatchObject({
    language: 'en',
    channels: 1,
    multichannel: false,
    interimResults: false,
    endpointingMs: 10,
    utteranceEndMs: undefined,
    vadEvents: false,
    punctuate: false,
    diarize: false,
  });
});

test('a container needs neither encoding nor sample rate, and channels are read with encoding only', () => {
  expect(parseQuery('model=nova-3&channels=2')).toMatchObject({ encoding: undefined, channels: 1 });
});

test.each([
  'nova-3-general',
  'nova-3-medical',
  'nova-2',
  'nova-2-meeting',
  'nova',
  'enhanced',
  'base',
  'custom',
])('model %s exists', (model) => {
  expect(parseQuery(`model=${model}`)).toMatchObject({ model });
});

test.each(['flux-general-en', 'nova-4', 'whisper', 'nova-3-meeting'])('model %s does not', (model) => {
  expect(parseQuery(`model=${model}`)).toEqual({
    errCode: 'Bad Request',
    reason: 'Bad Request: No such model/version combination found.',
  });
});

test('language=multi needs nova-2 or nova-3', () => {
  expect(parseQuery('model=nova-2&language=multi')).toMatchObject({ language: 'multi' });
  expect(parseQuery('model=base&language=multi')).toHaveProperty('reason');
});

const tooManyTerms = Array.from({ length: 501 }, () => 'a').join('+');

test.each([
  ['an unknown parameter', `${raw}&smart_formatting=true`, '`smart_formatting`'],
  ['a name every object has', `${raw}&constructor=true`, '`constructor`'],
  ['no model', 'encoding=linear16&sample_rate=16000', '`model`'],
  ['a parameter twice', `${raw}&language=en&language=tr`, 'duplicate field `language`'],
  ['an encoding without a sample rate', 'model=nova-3&encoding=linear16', '`sample_rate`'],
  ['an encoding that does not exist', 'model=nova-3&encoding=pcm&sample_rate=16000', '`encoding`'],
  ['a sample rate that is no number', 'model=nova-3&encoding=linear16&sample_rate=16k', '`sample_rate`'],
  ['a boolean that is none', `${raw}&interim_results=1`, '`interim_results`'],
  ['21 channels', `${raw}&channels=21`, '`channels`'],
  ['endpointing=true', `${raw}&endpointing=true`, '`endpointing`'],
  [
    'an utterance end below a second',
    `${raw}&interim_results=true&utterance_end_ms=999`,
    '`utterance_end_ms`',
  ],
  ['an utterance end without interims', `${raw}&utterance_end_ms=1000`, '`interim_results=true`'],
  ['keywords with nova-3', `${raw}&keywords=meetcast:2`, 'Keywords are not supported for Nova-3'],
  ['keyterms before nova-3', 'model=nova-2&keyterm=meetcast', 'Nova-3'],
  ['more than 500 key term tokens', `${raw}&keyterm=${tooManyTerms}`, 'Keyterm limit exceeded'],
  ['diarize_model=v2', `${raw}&diarize_model=v2`, '`diarize_model`'],
  ['a tag too long', `${raw}&tag=${'x'.repeat(129)}`, '`tag`'],
  ['an extra without a key', `${raw}&extra=nothing`, '`extra`'],
  ['a language that is none', `${raw}&language=english!`, '`language`'],
])('%s is refused by name', (_, query, reason) => {
  const refused = parseQuery(query);
  expect(refused).toHaveProperty('errCode', 'INVALID_QUERY_PARAMETER');
  expect(refused).toHaveProperty('reason', expect.stringContaining(reason));
});

test('keywords are accepted before nova-3', () => {
  expect(parseQuery('model=nova-2&keywords=meetcast:2&keywords=hub')).toHaveProperty('model', 'nova-2');
});
