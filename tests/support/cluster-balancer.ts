/** A TCP balancer: each connection goes to the next node that takes it. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { resetSocket } from '@meetcast/testing';

export interface Balancer {
  readonly port: number;
  close(): Promise<void>;
}

/** `ports` is asked anew for each connection. */
export async function startBalancer(ports: () => readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>();
  let turn = 0;
  const server = createServer(async (client) => {
    open.add(client);
    client.on('error', () => {}).on('close', () => open.delete(client));
    const all = ports();
    const first = turn++;
    const node = await firstThatTakes(all.map((_, index) => all[(first + index) % all.length] ?? 0));
    if (!node || client.destroyed) {
      node?.destroy();
      resetSocket(client);
      return;
    }
    join(client, node);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function firstThatTakes(ports: readonly number[]): Promise<Socket | undefined> {
  for (const port of ports) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      socket.destroy();
    }
  }
  return undefined;
}

function join(client: Socket, node: Socket): void {
  client.setNoDelay(true);
  node.on('error', () => resetSocket(client));
  client.on('error', () => resetSocket(node));
  node.on('close', () => client.destroy());
  client.on('close', () => node.destroy());
  client.pipe(node);
  node.pipe(client);
}
