/** Plain sockets to one node of a cluster; the test's end closes them. */
import { subprotocols, type TranscriptFinal, TranscriptPage } from '@meetcast/protocol';
import { onTestFinished } from 'vitest';
import type { ClusterNode } from './cluster.ts';
import { type Peer, Sender, Viewer } from './peer.ts';
import { handshakeOf, mintToken, type SenderOptions, type TokenClaims } from './start-hub.ts';

type At = TokenClaims & { meeting: string };

/** A viewer that may not have been greeted yet. */
export async function callerAt({ hub }: ClusterNode, { meeting, ...claims }: At): Promise<Viewer> {
  const url = `ws://127.0.0.1:${hub.port}/api/v1/ws/meetings/${meeting}`;
  return own(new Viewer(url, subprotocols(await mintToken(claims))));
}

export async function viewerAt(node: ClusterNode, of: At): Promise<Viewer> {
  const viewer = await callerAt(node, of);
  await viewer.until('connected');
  return viewer;
}

/** A sender that has said its handshake, and may be refused. */
export async function applicantAt(
  { hub }: ClusterNode,
  of: Omit<SenderOptions, 'port'> & At,
): Promise<Sender> {
  const url = `ws://127.0.0.1:${hub.port}/api/v1/ws/ingest/meetings/${of.meeting}`;
  const sender = own(new Sender(url, subprotocols(await mintToken(of))));
  await sender.opened;
  sender.send(handshakeOf(of));
  return sender;
}

export async function senderAt(node: ClusterNode, of: Omit<SenderOptions, 'port'> & At): Promise<Sender> {
  const sender = await applicantAt(node, of);
  await sender.until('handshake_ack', ({ status }) => status === 'success');
  return sender;
}

export async function getAt(
  { hub }: ClusterNode,
  path: string,
  claims: TokenClaims,
  init: RequestInit = {},
): Promise<Response> {
  const headers = { authorization: `Bearer ${await mintToken(claims)}`, 'content-type': 'application/json' };
  return await fetch(`http://127.0.0.1:${hub.port}/api/v1/${path}`, { ...init, headers });
}

/** The stored finals as a node gives them. */
export async function transcriptAt(
  node: ClusterNode,
  { meeting, ...claims }: At,
): Promise<TranscriptFinal[]> {
  const answer = await getAt(node, `meetings/${meeting}/transcript?limit=1000`, claims);
  return TranscriptPage.parse(await answer.json()).segments;
}

function own<P extends Peer>(peer: P): P {
  onTestFinished(() => peer.ws.terminate());
  return peer;
}
