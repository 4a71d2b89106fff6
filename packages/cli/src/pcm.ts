/** Turns samples of any depth into 16-bit little-endian ones. */
import type { SampleFormat } from './wav-format.ts';

/** `bytes` holds whole samples. 16-bit input comes back as it is, not copied. */
export function toInt16(format: SampleFormat, bytes: Buffer): Buffer {
  if (format.kind === 'integer' && format.bytes === 2) return bytes;
  const count = bytes.length / format.bytes;
  const read = readerOf(format, bytes);
  const pcm = Buffer.allocUnsafe(count * 2);
  for (let place = 0; place < count; place++) pcm.writeInt16LE(read(place * format.bytes), place * 2);
  return pcm;
}

function readerOf(format: SampleFormat, bytes: Buffer): (offset: number) => number {
  if (format.kind === 'float')
    return format.bytes === 4
      ? (offset) => ofFloat(bytes.readFloatLE(offset))
      : (offset) => ofFloat(bytes.readDoubleLE(offset));
  // 8-bit samples are the only unsigned ones.
  if (format.bytes === 1) return (offset) => (bytes.readUInt8(offset) - 128) << 8;
  const upper = format.bytes - 2;
  return (offset) => bytes.readInt16LE(offset + upper);
}

function ofFloat(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.max(-32_768, Math.min(32_767, Math.round(value * 32_768)));
}
