/** The records of a spool's files: each with its length and checksums, so that a torn one and a changed one are told apart. */
import { crc32 } from 'node:zlib';

/** Every file begins with it; the digit is the version. */
export const magic = Buffer.from('meetcast spool 1\n');

/** `at` is the audio's position in the session. */
export type SpoolRecord =
  | { kind: 'audio'; at: number; audio: Uint8Array<ArrayBuffer> }
  | { kind: 'note'; text: string };

// length u32 │ kind u8 │ checksum of the payload u32 │ checksum of the nine bytes before u32 │ payload
const headerBytes = 13;
const kinds = { audio: 1, note: 2 } as const;
/** An audio record's payload begins with its position. */
const positionBytes = 8;

export function encodeAudio(at: number, pieces: readonly Uint8Array[]): Buffer[] {
  const position = Buffer.alloc(positionBytes);
  position.writeDoubleLE(at);
  return encoded(kinds.audio, [position, ...pieces]);
}

export const encodeNote = (text: string): Buffer[] => encoded(kinds.note, [Buffer.from(text)]);

function encoded(kind: number, pieces: readonly Uint8Array[]): Buffer[] {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(pieces.reduce((sum, { length }) => sum + length, 0));
  header.writeUInt8(kind, 4);
  header.writeUInt32LE(
    pieces.reduce((sum, piece) => crc32(piece, sum), 0),
    5,
  );
  header.writeUInt32LE(crc32(header.subarray(0, 9)), 9);
  return [header, ...pieces.map((piece) => Buffer.from(piece.buffer, piece.byteOffset, piece.length))];
}

/**
 * How a file ends: `whole`; `torn`, in a record of which only the first bytes were written; or `damaged`, by anything
 * that writing cannot have left. `at` is the end of the last good record.
 */
export interface Ending {
  how: 'whole' | 'torn' | 'damaged';
  at: number;
}

/** Hands over every good record from the beginning of a file, and says how it ends. */
export function decodeRecords(file: Buffer<ArrayBuffer>, take: (record: SpoolRecord) => void): Ending {
  const isBegun = magic.subarray(0, file.length).equals(file.subarray(0, magic.length));
  if (!isBegun) return { how: 'damaged', at: 0 };
  if (file.length < magic.length) return { how: 'torn', at: 0 };
  let at = magic.length;
  while (at < file.length) {
    if (file.length - at < headerBytes) return { how: 'torn', at };
    const header = file.subarray(at, at + headerBytes);
    if (crc32(header.subarray(0, 9)) !== header.readUInt32LE(9)) return { how: 'damaged', at };
    const end = at + headerBytes + header.readUInt32LE();
    if (end > file.length) return { how: 'torn', at };
    const payload = file.subarray(at + headerBytes, end);
    const record = recordOf(header, payload);
    if (!record) return { how: 'damaged', at };
    take(record);
    at = end;
  }
  return { how: 'whole', at };
}

function recordOf(header: Buffer, payload: Buffer<ArrayBuffer>): SpoolRecord | undefined {
  if (crc32(payload) !== header.readUInt32LE(5)) return undefined;
  const kind = header.readUInt8(4);
  if (kind === kinds.note) return { kind: 'note', text: payload.toString() };
  if (kind !== kinds.audio || payload.length < positionBytes) return undefined;
  return { kind: 'audio', at: payload.readDoubleLE(), audio: payload.subarray(positionBytes) };
}
