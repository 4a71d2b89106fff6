import type { Writable } from 'node:stream';
import 'ws';

declare module 'ws' {
  /** Exported by ws; @types/ws leaves it out. */
  export const Receiver: new (options: { isServer: boolean }) => Writable;
}
