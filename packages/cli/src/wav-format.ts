/** What the `fmt ` chunk of a WAV file says about its samples. */

/** How one sample of one channel is stored, little-endian. */
export type SampleFormat = { kind: 'integer'; bytes: number } | { kind: 'float'; bytes: 4 | 8 };

export interface WavFormat {
  samples: SampleFormat;
  sampleRate: number;
  channels: number;
}

export type ParsedFormat =
  | { ok: true; format: WavFormat }
  /** `mayConvert`: another program can make something usable of it. */
  | { ok: false; problem: string; mayConvert: boolean };

const pcmTag = 0x0001;
const floatTag = 0x0003;
const extensibleTag = 0xfffe;

const codecNames: Readonly<Record<number, string>> = {
  2: 'Microsoft ADPCM',
  6: 'A-law',
  7: 'µ-law',
  17: 'IMA ADPCM',
  49: 'GSM 6.10',
  64: 'G.721 ADPCM',
  80: 'MPEG audio',
  85: 'MP3',
  255: 'AAC',
  353: 'Windows Media Audio',
  5648: 'HE-AAC',
  8192: 'AC-3',
  26447: 'Vorbis',
  28751: 'Opus',
  61868: 'FLAC',
};

/** What follows the format tag in the sub-format GUIDs of EXTENSIBLE. */
const guidTail = Buffer.from('000000001000800000aa00389b71', 'hex');

export function parseFormat(chunk: Buffer): ParsedFormat {
  if (chunk.length < 16) return broken(`its "fmt " chunk has ${chunk.length} bytes instead of 16 or more`);
  const tag = tagOf(chunk);
  if (tag === undefined) return unusable('its EXTENSIBLE sub-format is unknown');
  if (tag !== pcmTag && tag !== floatTag) return unusable(`${codecName(tag)} is not PCM`);
  const channels = chunk.readUInt16LE(2);
  const sampleRate = chunk.readUInt32LE(4);
  if (channels === 0) return broken('it says it has no channels');
  if (sampleRate === 0) return broken('it says its sample rate is 0');
  const samples = samplesOf(tag, channels, chunk.readUInt16LE(12), chunk.readUInt16LE(14));
  if (typeof samples === 'string') return broken(samples);
  return { ok: true, format: { samples, sampleRate, channels } };
}

const broken = (problem: string): ParsedFormat => ({ ok: false, problem, mayConvert: false });
const unusable = (problem: string): ParsedFormat => ({ ok: false, problem, mayConvert: true });

function tagOf(chunk: Buffer): number | undefined {
  const tag = chunk.readUInt16LE(0);
  if (tag !== extensibleTag) return tag;
  return chunk.length >= 40 && chunk.subarray(26, 40).equals(guidTail) ? chunk.readUInt16LE(24) : undefined;
}

const codecName = (tag: number): string => codecNames[tag] ?? `format 0x${tag.toString(16).padStart(4, '0')}`;

/**
 * The container decides: a sample of fewer bits (12, 20, or EXTENSIBLE's valid bits) lies in
 * the upper bits of its container.
 */
function samplesOf(tag: number, channels: number, blockAlign: number, bits: number): SampleFormat | string {
  const bytes = blockAlign / channels;
  const sizes = `${blockAlign} bytes for ${channels} channel(s) of ${bits} bits`;
  if (!Number.isInteger(bytes) || bytes === 0 || bits === 0 || bits > bytes * 8)
    return `its block alignment makes no sense: ${sizes}`;
  if (tag === floatTag)
    return bytes === 4 || bytes === 8 ? { kind: 'float', bytes } : `no float has this size: ${sizes}`;
  return bytes <= 4 ? { kind: 'integer', bytes } : `no sample has this size: ${sizes}`;
}
