/** Puts a server on its port, or says why that cannot be and what to do. */
import { once } from 'node:events';
import type { Server } from 'node:net';
import { CliError, messageOf, systemCode } from './exit.ts';
import { serveProblem } from './sentences.ts';

/** Resolves with the port, which the system chose if 0 was asked for. */
export async function listenOn(server: Server, host: string, port: number): Promise<number> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw cannotListen(error, host, port);
  }
  const address = server.address();
  return typeof address === 'object' && address ? address.port : port;
}

export function cannotListen(error: unknown, host: string, port: number): CliError {
  const code = systemCode(error);
  const at = `${host}:${port}`;
  if (code === 'EADDRINUSE') return new CliError('failed', ...serveProblem.portTaken(at));
  if (code === 'EACCES') return new CliError('failed', ...serveProblem.portForbidden(at));
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new CliError('failed', ...serveProblem.notOurAddress(host));
  return new CliError('failed', ...serveProblem.cannotListen(at, messageOf(error)));
}
