/** What runs in processes of its own. */
export const programs = {
  bare: new URL('./bare.mjs', import.meta.url),
  clients: new URL('./clients.mjs', import.meta.url),
  floor: new URL('./floor.mjs', import.meta.url),
  hub: new URL('./hub.mjs', import.meta.url),
  peer: new URL('./peer.mjs', import.meta.url),
  senders: new URL('./senders.mjs', import.meta.url),
  simulator: new URL('./simulator.mjs', import.meta.url),
};
