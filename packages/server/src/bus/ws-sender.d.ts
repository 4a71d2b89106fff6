import 'ws';

declare module 'ws' {
  /** Exported by ws and used by design; @types/ws leaves it out. */
  export const Sender: {
    frame(
      data: Buffer,
      options: { fin: boolean; opcode: number; mask: boolean; readOnly: boolean; rsv1: boolean },
    ): Buffer[];
  };
}
