/** Sockets of the `ws` package, for Node. */
import WebSocket from 'ws';
import type { OpenSocket } from './socket.ts';

// Types of `ws` do not know it: how long a polite close waits for its answer. A process should not outlive its
// work by the thirty seconds of the default.
const options = { closeTimeout: 2_000, perMessageDeflate: false };

export const openWs: OpenSocket = (url, protocols) => new WebSocket(url, protocols, options);
