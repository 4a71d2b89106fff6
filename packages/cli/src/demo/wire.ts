/** A stretch of network between a viewer and a hub that can be cut and mended. */
import { connect, createServer, type Socket } from 'node:net';
import { resetSocket } from '@meetcast/testing';
import { listenOn } from '../listening.ts';

export interface Wire {
  readonly port: number;
  /** Resets every connection, and each new one until it is mended. */
  cut(): void;
  mend(): void;
  close(): void;
}

export async function stretchWire(hubPort: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const keep = (socket: Socket, other: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // Its `close` follows, and ends the other side.
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
  };
  const server = createServer((viewer) => {
    if (isCut) return resetSocket(viewer);
    const hub = connect(hubPort, '127.0.0.1');
    keep(viewer, hub);
    keep(hub, viewer);
    viewer.pipe(hub).pipe(viewer);
  });
  const port = await listenOn(server, '127.0.0.1', 0);
  const cut = () => {
    isCut = true;
    for (const socket of sockets) resetSocket(socket);
  };
  return {
    port,
    cut,
    mend: () => {
      isCut = false;
    },
    close: () => {
      cut();
      server.close();
    },
  };
}
