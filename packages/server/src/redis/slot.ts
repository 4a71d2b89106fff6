/** Which of a cluster's 16384 slots a key or a sharded channel belongs to. */

export function slotOf(name: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashed(name))) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc % 16_384;
}

/** Only what stands between the first braces counts, if anything does. */
function hashed(name: string): string {
  const open = name.indexOf('{');
  const close = name.indexOf('}', open + 1);
  return open >= 0 && close > open + 1 ? name.slice(open + 1, close) : name;
}
