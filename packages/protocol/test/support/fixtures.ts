/** The golden messages beside this package, and the decoders and schemas they are held against. */
import { readFileSync } from 'node:fs';
import {
  type Decoded,
  decodeIngestDownstream,
  decodeIngestUpstream,
  decodeSubscriberDownstream,
  decodeSubscriberUpstream,
  IngestDownstream,
  IngestUpstream,
  SubscriberDownstream,
  SubscriberUpstream,
} from '../../src/index.ts';

type Json = Record<string, unknown>;

/** One frame: `json` goes out as JSON, `text` as it is. `message` is the type it stands for, `*` for none. */
interface Frame {
  message: string;
  name: string;
  json?: unknown;
  text?: string;
}

export interface WireFixtures {
  about: string;
  socket: string;
  direction: string;
  valid: (Frame & { decoded?: Json })[];
  invalid: (Frame & { problem: string })[];
}

const folder = new URL('../../fixtures/', import.meta.url);

/** The caller names the shape: a fixture file is ours, and its test fails at once if it lies. */
export const readFixture = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as T;

export const frameText = (frame: Frame): string => frame.text ?? JSON.stringify(frame.json);

const decoders: Record<string, (text: string) => Decoded<Encodable>> = {
  'subscriber-downstream': decodeSubscriberDownstream,
  'subscriber-upstream': decodeSubscriberUpstream,
  'ingest-downstream': decodeIngestDownstream,
  'ingest-upstream': decodeIngestUpstream,
};

const unions = {
  'subscriber-downstream': SubscriberDownstream,
  'subscriber-upstream': SubscriberUpstream,
  'ingest-downstream': IngestDownstream,
  'ingest-upstream': IngestUpstream,
};

type Encodable = SubscriberUpstream | SubscriberDownstream | IngestUpstream | IngestDownstream;
export type MessageSchema = (typeof unions)[keyof typeof unions]['def']['options'][number];

/** Every direction of the two sockets. */
export const wires = Object.entries(unions).map(([name, union]) => ({
  name,
  decode: decoders[name] as (text: string) => Decoded<Encodable>,
  fixtures: readFixture<WireFixtures>(name),
  /** The members of the union, by the `type` they carry on the wire. */
  members: new Map<string, MessageSchema>(
    union.def.options.map((schema) => [String(schema.shape.type.def.values[0]), schema]),
  ),
}));
