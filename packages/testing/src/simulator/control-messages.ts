/** Reads the text frames a client may send. */

export type Control =
  | { name: 'keep-alive' }
  | { name: 'finalize'; channel: number | undefined }
  | { name: 'close-stream' }
  | { name: 'configure'; keyterms: string[] | undefined }
  | { name: 'unreadable'; reason: string };

export function parseControl(text: string): Control {
  const message = parseObject(text);
  if (!message) return { name: 'unreadable', reason: 'expected a JSON object' };
  const { type } = message;
  if (type === 'KeepAlive') return { name: 'keep-alive' };
  if (type === 'CloseStream') return { name: 'close-stream' };
  if (type === 'Finalize') return parseFinalize(message.channel);
  if (type === 'Configure') return parseConfigure(message.keyterms);
  return { name: 'unreadable', reason: `unknown message type ${JSON.stringify(type)}` };
}

function parseFinalize(channel: unknown): Control {
  if (channel === undefined) return { name: 'finalize', channel };
  if (typeof channel === 'number' && Number.isInteger(channel)) return { name: 'finalize', channel };
  return { name: 'unreadable', reason: '`channel` must be an integer' };
}

function parseConfigure(keyterms: unknown): Control {
  if (keyterms === undefined) return { name: 'configure', keyterms };
  if (Array.isArray(keyterms) && keyterms.every((term) => typeof term === 'string')) {
    return { name: 'configure', keyterms };
  }
  return { name: 'unreadable', reason: '`keyterms` must be a list of strings' };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
