/** WAV files of every make, byte by byte or by the wavefile library. */
import wavefile from 'wavefile';

export const sampleRate = 16_000;

/** Loud, quiet, both signs, both ends. */
export const samples: readonly number[] = [
  0, 1, -1, 256, -256, 1000, -1000, 12_345, -12_345, 32_767, -32_768,
];

export const int16 = (values: readonly number[]): Buffer => Buffer.from(Int16Array.from(values).buffer);

export interface ChunkOptions {
  id?: string;
  /** Written instead of the true size. */
  size?: number;
}

export function chunk(id: string, body: Uint8Array, size: number = body.length): Buffer {
  const head = Buffer.alloc(8);
  head.write(id, 'latin1');
  head.writeUInt32LE(size, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
}

export function riff(chunks: readonly Buffer[], { id = 'RIFF', size }: ChunkOptions = {}): Buffer {
  const body = Buffer.concat([Buffer.from('WAVE'), ...chunks]);
  const head = Buffer.alloc(8);
  head.write(id, 'latin1');
  head.writeUInt32LE(size ?? body.length, 4);
  return Buffer.concat([head, body]);
}

export interface Fmt {
  tag?: number;
  channels?: number;
  rate?: number;
  bits?: number;
  blockAlign?: number;
  extension?: Buffer;
}

export function fmt({ tag = 1, channels = 1, rate = sampleRate, bits = 16, ...rest }: Fmt = {}): Buffer {
  const blockAlign = rest.blockAlign ?? (channels * bits) / 8;
  const body = Buffer.alloc(16);
  body.writeUInt16LE(tag, 0);
  body.writeUInt16LE(channels, 2);
  body.writeUInt32LE(rate, 4);
  body.writeUInt32LE(rate * blockAlign, 8);
  body.writeUInt16LE(blockAlign, 12);
  body.writeUInt16LE(bits, 14);
  return chunk('fmt ', Buffer.concat([body, rest.extension ?? Buffer.alloc(0)]));
}

/** The tail of EXTENSIBLE: valid bits, no channel mask, sub-format. */
export function extension(
  validBits: number,
  subFormat: number,
  tail = '000000001000800000aa00389b71',
): Buffer {
  const body = Buffer.alloc(10);
  body.writeUInt16LE(22, 0);
  body.writeUInt16LE(validBits, 2);
  body.writeUInt16LE(subFormat, 8);
  return Buffer.concat([body, Buffer.from(tail, 'hex')]);
}

/** As another program writes it; `values` are what this depth stores. */
export function byLibrary(
  bitDepth: string,
  values: readonly number[],
  channels = 1,
  container = 'RIFF',
): Buffer {
  const file = new wavefile.WaveFile();
  file.fromScratch(channels, sampleRate, bitDepth, [...values], { container });
  return Buffer.from(file.toBuffer());
}
