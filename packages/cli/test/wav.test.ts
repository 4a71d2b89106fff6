/** The WAV reader, against files of every make. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { ByteReader } from '../src/byte-reader.ts';
import { openWav } from '../src/wav.ts';
import { temporaryDirectory } from './support/run-cli.ts';
import { byLibrary, chunk, extension, fmt, int16, riff, sampleRate, samples } from './support/wav-bytes.ts';

interface Heard {
  pcm: Buffer;
  chunks: number[];
  warnings: string[];
  sampleRate: number;
  channels: number;
  durationMs: number | undefined;
}

async function hearFile(path: string, chunkBytes = 4096): Promise<Heard> {
  const warnings: string[] = [];
  const audio = await openWav(path, { warn: (message) => warnings.push(message) });
  const pieces: Buffer[] = [];
  for await (const piece of audio.frames(chunkBytes)) pieces.push(piece);
  const chunks = pieces.map((piece) => piece.length);
  return { ...audio, pcm: Buffer.concat(pieces), chunks, warnings };
}

async function hear(bytes: Uint8Array, chunkBytes?: number): Promise<Heard> {
  const path = join(await temporaryDirectory(), 'in.wav');
  await writeFile(path, bytes);
  return hearFile(path, chunkBytes);
}

const data = chunk('data', int16(samples));
const upper8 = samples.map((sample) => sample & ~0xff);
const upper12 = samples.map((sample) => sample & ~0xf);

test('16-bit samples come through as they are, with rate, channels and duration', async () => {
  const heard = await hear(byLibrary('16', samples.slice(0, 10), 2));
  expect(heard.pcm).toEqual(int16(samples.slice(0, 10)));
  expect(heard).toMatchObject({ sampleRate, channels: 2, durationMs: 5000 / sampleRate, warnings: [] });
});

const depths: ReadonlyArray<readonly [name: string, depth: string, stored: number[], heard: number[]]> = [
  ['8-bit', '8', samples.map((sample) => (sample >> 8) + 128), upper8],
  ['24-bit', '24', samples.map((sample) => sample * 256), [...samples]],
  ['32-bit', '32', samples.map((sample) => sample * 65_536), [...samples]],
  ['32-bit float', '32f', samples.map((sample) => sample / 32_768), [...samples]],
  ['64-bit float', '64', samples.map((sample) => sample / 32_768), [...samples]],
];

test.each(depths)('%s samples become the 16-bit ones they stand for', async (_, depth, stored, heard) => {
  expect((await hear(byLibrary(depth, stored))).pcm).toEqual(int16(heard));
});

test('floats beyond full scale are clipped, not wrapped; NaN is silence', async () => {
  const loud = Buffer.from(Float32Array.from([2, -2, Number.NaN, Number.POSITIVE_INFINITY]).buffer);
  const heard = await hear(riff([fmt({ tag: 3, bits: 32 }), chunk('data', loud)]));
  expect(heard.pcm).toEqual(int16([32_767, -32_768, 0, 32_767]));
});

test('a sample of odd bits lies in the upper bits of its container', async () => {
  const twelve = riff([fmt({ bits: 12, blockAlign: 2 }), chunk('data', int16(upper12))]);
  expect((await hear(twelve)).pcm).toEqual(int16(upper12));
  const in24 = Buffer.concat(samples.map((sample) => Buffer.concat([Buffer.from([0x50]), int16([sample])])));
  const format = fmt({ tag: 0xfffe, bits: 24, extension: extension(20, 1) });
  expect((await hear(riff([format, chunk('data', in24)]))).pcm).toEqual(int16(samples));
});

test('EXTENSIBLE is read by its sub-format', async () => {
  const floats = Buffer.from(Float32Array.from(samples, (sample) => sample / 32_768).buffer);
  const format = fmt({ tag: 0xfffe, bits: 32, extension: extension(32, 3) });
  expect((await hear(riff([format, chunk('data', floats)]))).pcm).toEqual(int16(samples));
});

test.each(['RF64', 'BW64'])('%s takes its length from ds64', async (id) => {
  const ds64 = Buffer.alloc(28);
  ds64.writeBigUInt64LE(BigInt(samples.length * 2), 8);
  const long = chunk('data', int16(samples), 0xffff_ffff);
  const file = riff([chunk('ds64', ds64), fmt(), long, chunk('LIST', Buffer.alloc(40, 1))], {
    id,
    size: 0xffff_ffff,
  });
  expect(await hear(file)).toMatchObject({ pcm: int16(samples), warnings: [] });
  expect((await hear(byLibrary('16', samples, 1, 'RF64'))).pcm).toEqual(int16(samples));
});

test('chunks around the audio are passed over, odd ones with their padding', async () => {
  const file = riff([
    chunk('JUNK', Buffer.alloc(27, 0x64)),
    chunk('bext', Buffer.alloc(70_001)),
    fmt(),
    chunk('fact', Buffer.alloc(4)),
    data,
    chunk('LIST', Buffer.alloc(31, 0x7f)),
  ]);
  expect(await hear(file)).toMatchObject({ pcm: int16(samples), warnings: [] });
});

test('a file cut short is read as far as it goes, with a warning and its true duration', async () => {
  const whole = riff([fmt({ channels: 2 }), chunk('data', int16([...samples, 1, 2, 3, 4, 5]))]);
  const heard = await hear(whole.subarray(0, whole.length - 11));
  expect(heard.pcm).toEqual(int16(samples.slice(0, 10)));
  expect(heard.durationMs).toBe(5000 / sampleRate);
  expect(heard.warnings).toEqual([expect.stringContaining('cut short')]);
});

test.each([0, 0xffff_ffff, 0x7fff_f000, 0x8000_0000])(
  'a file streamed live, its size left at %i, is read to its end without a word',
  async (size) => {
    const file = riff([fmt(), chunk('data', int16(samples), size)], { size: size === 0 ? 36 : size });
    const heard = await hear(file);
    expect(heard).toMatchObject({ pcm: int16(samples), warnings: [] });
    expect(heard.durationMs).toBe((samples.length * 1000) / sampleRate);
  },
);

test('no audio and more chunks is no audio, not the chunks', async () => {
  const file = riff([fmt(), chunk('data', Buffer.alloc(0)), chunk('LIST', Buffer.alloc(64, 1))]);
  await expect(hear(file)).rejects.toThrow('it has no audio');
});

test('chunks hold whole samples of all channels and no more bytes than asked', async () => {
  const six = Array.from({ length: 6 * 100 }, (_, place) => place);
  const heard = await hear(byLibrary('16', six, 6), 100);
  expect(heard.channels).toBe(6);
  expect(heard.pcm).toEqual(int16(six));
  expect(new Set(heard.chunks)).toEqual(new Set([96, 48]));
  const tiny = await hear(byLibrary('16', six, 6), 1);
  expect(new Set(tiny.chunks)).toEqual(new Set([12]));
});

const refused: ReadonlyArray<readonly [name: string, bytes: Buffer, says: string]> = [
  ['an empty file', Buffer.alloc(0), 'it is empty'],
  ['a few bytes', Buffer.from('RIFF'), 'ends after 4 bytes'],
  ['text', Buffer.from('once upon a time'), 'does not begin with RIFF'],
  ['an AVI', riff([]).fill('AVI ', 8, 12), 'it is AVI, not WAV'],
  ['FLAC', Buffer.from('fLaC\0\0\0\x22aaaaaaaa'), 'it is FLAC, not WAV'],
  ['big-endian', byLibrary('16', samples, 1, 'RIFX'), 'big-endian'],
  ['no chunks', riff([]), 'no "fmt " chunk'],
  ['no audio chunk', riff([fmt()]), 'no "data" chunk'],
  ['audio before its format', riff([data, fmt()]), 'before its "fmt "'],
  ['a short format', riff([chunk('fmt ', Buffer.alloc(14)), data]), '14 bytes instead of 16'],
  ['no channels', riff([fmt({ channels: 0, blockAlign: 2 }), data]), 'no channels'],
  ['no rate', riff([fmt({ rate: 0 }), data]), 'sample rate is 0'],
  ['no alignment', riff([fmt({ blockAlign: 0 }), data]), 'block alignment makes no sense'],
  ['broken alignment', riff([fmt({ channels: 2, blockAlign: 5 }), data]), 'block alignment makes no sense'],
  ['more bits than bytes', riff([fmt({ bits: 24, blockAlign: 2 }), data]), 'block alignment makes no sense'],
  ['16-bit float', riff([fmt({ tag: 3 }), data]), 'no float has this size'],
  ['µ-law', riff([fmt({ tag: 7, bits: 8 }), data]), 'µ-law is not PCM'],
  ['A-law', riff([fmt({ tag: 6, bits: 8 }), data]), 'A-law is not PCM'],
  ['MP3', riff([fmt({ tag: 0x55 }), data]), 'MP3 is not PCM'],
  ['an unknown codec', riff([fmt({ tag: 0x1234 }), data]), 'format 0x1234 is not PCM'],
  [
    'µ-law in EXTENSIBLE',
    riff([fmt({ tag: 0xfffe, bits: 8, extension: extension(8, 7) }), data]),
    'µ-law is not PCM',
  ],
  [
    'an unknown sub-format',
    riff([fmt({ tag: 0xfffe, extension: extension(16, 1, '00'.repeat(14)) }), data]),
    'sub-format is unknown',
  ],
  ['less than a sample', riff([fmt({ channels: 2 }), chunk('data', Buffer.alloc(3))]), 'no audio'],
];

test.each(refused)('%s is refused by name', async (_, bytes, says) => {
  await expect(hear(bytes)).rejects.toMatchObject({
    name: 'CliError',
    exit: 'failed',
    message: expect.stringContaining(says),
  });
});

test('what another program can convert comes with the command for it', async () => {
  const path = join(await temporaryDirectory(), 'in.wav');
  await writeFile(path, riff([fmt({ tag: 7, bits: 8 }), data]));
  await expect(hearFile(path)).rejects.toMatchObject({
    next: expect.stringContaining(`ffmpeg -i ${path} -c:a pcm_s16le out.wav`),
  });
});

test('a folder and a missing file are told apart', async () => {
  const directory = await temporaryDirectory();
  await expect(hearFile(directory)).rejects.toThrow('is a folder');
  await expect(hearFile(join(directory, 'none.wav'))).rejects.toThrow('there is no file');
});

test('a pipe is read as it comes; a cut is noticed at its end', async () => {
  const pipe = join(await temporaryDirectory(), 'pipe');
  execFileSync('sh', ['-c', 'mkfifo "$0"', pipe]);
  const whole = riff([fmt(), data]);
  const [heard] = await Promise.all([hearFile(pipe), writeFile(pipe, whole.subarray(0, -4))]);
  expect(heard.pcm).toEqual(int16(samples.slice(0, -2)));
  expect(heard.warnings).toEqual([expect.stringContaining('cut short')]);
});

test('no more is taken from the stream than was asked for, but for its own buffer', async () => {
  let pulled = 0;
  const endless = Readable.from(
    (function* () {
      for (;;) {
        pulled += 1000;
        yield Buffer.alloc(1000);
      }
    })(),
    { objectMode: false, highWaterMark: 4000 },
  );
  const reader = new ByteReader(endless);
  await reader.skip(1_000_000);
  for (let portion = 0; portion < 1000; portion++) expect(await reader.read(1500)).toHaveLength(1500);
  expect(pulled - reader.position).toBeLessThan(10_000);
  reader.close();
});
