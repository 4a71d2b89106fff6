/** Ctrl-C and SIGTERM: the first asks a command to end in order, the second ends the process at once. */
import { exitCodes } from './exit.ts';

const names = ['SIGINT', 'SIGTERM'] as const;

/** The returned function gives the signals back. */
export function onStopSignal(stop: (name: NodeJS.Signals) => void): () => void {
  let isStopping = false;
  const heard = (name: NodeJS.Signals) => {
    if (isStopping) process.exit(exitCodes.failed);
    isStopping = true;
    stop(name);
  };
  for (const name of names) process.on(name, heard);
  return () => {
    for (const name of names) process.off(name, heard);
  };
}

/** Resolves at the first signal. */
export const stopSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    onStopSignal(resolve);
  });
