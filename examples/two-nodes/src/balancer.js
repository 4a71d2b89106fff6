// @ts-check
/** Hands each connection to the next node that takes it: the least that a load balancer does. */
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';

/** @param {readonly number[]} ports where the nodes listen, on this machine */
export function createBalancer(ports) {
  let turn = 0;

  /** @param {import('node:net').Socket} client @param {number} tries */
  function handOn(client, tries) {
    if (tries === 0) {
      client.destroy();
      return;
    }
    const node = connect(ports[turn % ports.length] ?? 0, '127.0.0.1');
    turn += 1;
    const isDown = () => handOn(client, tries - 1);
    node.once('error', isDown);
    node.once('connect', () => {
      node.off('error', isDown);
      // Each way ends by itself, so that the last words of a node that goes away still arrive.
      pipeline(client, node, () => {});
      pipeline(node, client, () => {});
    });
  }

  return createServer({ noDelay: true }, (client) => {
    client.on('error', () => {}); // One that leaves early.
    handOn(client, ports.length);
  });
}
