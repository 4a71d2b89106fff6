/** The runtime's own sockets, for browsers. */
import type { OpenSocket } from './socket.ts';

export const openNative: OpenSocket = (url, protocols) => new WebSocket(url, protocols);
