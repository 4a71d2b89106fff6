/** Settings from variables and `.env`, and the values people type. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { database } from '../src/database-url.ts';
import { readEnvironment, readSettings } from '../src/env.ts';
import { type SettingName, settings } from '../src/settings.ts';
import { duration, number, port } from '../src/values.ts';
import { temporaryDirectory } from './support/run-cli.ts';

const every = Object.keys(settings) as SettingName[];

test('.env is read below the process: a set variable wins, an empty one does not', async () => {
  const cwd = await temporaryDirectory();
  await writeFile(join(cwd, '.env'), 'A=file\nB=file\nC=file\n');
  expect(readEnvironment(cwd, { A: 'process', B: '', D: undefined })).toEqual({
    A: 'process',
    B: 'file',
    C: 'file',
  });
});

test('no .env is fine; one that cannot be read is named', async () => {
  const cwd = await temporaryDirectory();
  expect(readEnvironment(cwd, {})).toEqual({});
  await mkdir(join(cwd, '.env'));
  expect(() => readEnvironment(cwd, {})).toThrow(join(cwd, '.env'));
});

test('values become what they stand for; unknown names are ignored', () => {
  const read = readSettings(
    {
      REDIS_URL: 'rediss://u:p@cache:6380/1',
      DATABASE_URL: 'postgres://db/meetcast',
      DEEPGRAM_ENDPOINT: 'ws://127.0.0.1:9000/v1/listen',
      MAX_INGEST_MSG_BYTES: '65536',
      INGEST_SAMPLE_RATE: '16000',
      JWT_ISSUER: '',
      WHATEVER: 'else',
    },
    every,
  );
  expect(read).toEqual({
    REDIS_URL: 'rediss://u:p@cache:6380/1',
    DATABASE_URL: { name: 'postgres', url: 'postgres://db/meetcast' },
    DEEPGRAM_ENDPOINT: 'ws://127.0.0.1:9000/v1/listen',
    MAX_INGEST_MSG_BYTES: 65_536,
    INGEST_SAMPLE_RATE: 16_000,
  });
});

test('every bad value is named at once, with what it should be and without what is secret', () => {
  const read = () =>
    readSettings(
      { INGEST_CHANNELS: 'two', REDIS_URL: 'http://u:hunter2@cache', INGEST_SAMPLE_RATE: '1' },
      every,
    );
  expect(read).toThrow(
    [
      'REDIS_URL is not valid. Expected an address that starts with redis:// or rediss://.',
      'INGEST_SAMPLE_RATE "1" is not valid. Expected a whole number from 8000 to 192000.',
      'INGEST_CHANNELS "two" is not valid. Expected a whole number from 1 to 8.',
    ].join('\n'),
  );
  expect(read).toThrow(expect.objectContaining({ exit: 'usage' }));
});

test('a duration is seconds, with or without units', () => {
  const typed = ['3600', '90s', '15m', '1h', '1h30m', '2d', '500ms', '1.5'];
  expect(typed.map(duration)).toEqual([3600, 90, 900, 3600, 5400, 172_800, 0.5, 1.5]);
  for (const bad of ['', '0', '-5', '5x', 'h', '1h 30m', '1,5', '1e3', '5 m'])
    expect(() => duration(bad), bad).toThrow('Expected a duration');
});

test('numbers are whole and within their range where that matters', () => {
  expect(['0', '8080', '65535'].map(port)).toEqual([0, 8080, 65_535]);
  for (const bad of ['', '-1', '65536', '80.5', '0x50', 'http'])
    expect(() => port(bad), bad).toThrow('65535');
  expect(['0', '2.5'].map(number(0))).toEqual([0, 2.5]);
  expect(() => number()('0')).toThrow('above 0');
});

test('DATABASE_URL is an address of PostgreSQL, or file: and a folder', () => {
  const url = 'postgresql://u:p@db.example:5433/meetcast?sslmode=require';
  expect(database(url)).toEqual({ name: 'postgres', url });
  const directories = [
    ['file:kept', 'kept'],
    ['file:./kept', './kept'],
    ['file:/var/lib/meetcast', '/var/lib/meetcast'],
    ['file:///var/lib/meet%20cast', '/var/lib/meet cast'],
    ['file:/var/lib/meetcast/meetcast.db', '/var/lib/meetcast'],
  ];
  for (const [text = '', directory] of directories)
    expect(database(text), text).toEqual({ name: 'sqlite', directory });
  for (const bad of [
    '',
    'kept',
    '/kept',
    'file:',
    'file://kept',
    'file://',
    'postgres:db',
    'mysql://db/x',
    'sqlite:x',
  ])
    expect(() => database(bad), bad).toThrow('Expected postgres://');
});
