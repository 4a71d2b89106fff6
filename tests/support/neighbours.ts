/** Who a hub shares a server with: each set up as its own documentation does, with `GET /hello` and, if it has any, a WebSocket that echoes. */
import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastifyWebsocket from '@fastify/websocket';
import { createAdaptorServer, upgradeWebSocket } from '@hono/node-server';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import express from 'express';
import { fastify as createFastify } from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { Server as SocketIo } from 'socket.io';
import { io } from 'socket.io-client';
import { WebSocket, WebSocketServer } from 'ws';

export interface Neighbour {
  readonly name: string;
  /** What an upgrade that nobody knows comes to: a status, or an end without one. */
  readonly unknownUpgrade: number | 'ended';
  /** Hands over its server as soon as there is one, and only then puts everything it has on it. */
  open(onServer: (server: Server) => void): Promise<Home>;
}

interface Home {
  readonly server: Server;
  /** Connects to the neighbour's own WebSocket. */
  connect?(port: number): Promise<Echo>;
  close?(): Promise<unknown>;
}

export interface Echo {
  say(text: string): Promise<string>;
  close(): void;
}

export const neighbours: readonly Neighbour[] = [
  {
    name: 'Express 5',
    unknownUpgrade: 404,
    async open(onServer) {
      const app = express();
      app.get('/hello', (_request, response) => void response.send('hello'));
      return { server: serverWith(app, onServer) };
    },
  },
  {
    name: 'Express 5 with an upgrade listener of its own',
    unknownUpgrade: 'ended',
    async open(onServer) {
      const app = express();
      app.get('/hello', (_request, response) => void response.send('hello'));
      const server = serverWith(app, onServer);
      const sockets = new WebSocketServer({ noServer: true }).on('connection', echo);
      server.on('upgrade', (request, socket, head) => {
        if (request.url !== '/echo') return void socket.destroy();
        sockets.handleUpgrade(request, socket, head, (accepted) => sockets.emit('connection', accepted));
      });
      return { server, connect: connectTo('/echo') };
    },
  },
  {
    name: 'Koa 3',
    unknownUpgrade: 404,
    async open(onServer) {
      const app = new Koa();
      app.use((ctx) => {
        if (ctx.path === '/hello') ctx.body = 'hello';
      });
      return { server: serverWith(app.callback(), onServer) };
    },
  },
  {
    name: 'Fastify 5 with @fastify/websocket',
    unknownUpgrade: 404,
    async open(onServer) {
      const app = createFastify({ serverFactory: (handler) => serverWith(handler, onServer) });
      await app.register(fastifyWebsocket);
      app.get('/hello', async () => 'hello');
      app.get('/echo', { websocket: true }, echo);
      await app.ready();
      return { server: app.server, connect: connectTo('/echo'), close: () => app.close() };
    },
  },
  {
    name: 'Hono',
    unknownUpgrade: 404,
    async open(onServer) {
      const app = new Hono();
      app.get('/hello', (c) => c.text('hello'));
      return { server: honoServer(app, onServer) };
    },
  },
  {
    name: 'Hono with WebSockets',
    unknownUpgrade: 404,
    async open(onServer) {
      const app = new Hono();
      app.get('/hello', (c) => c.text('hello'));
      app.get(
        '/echo',
        upgradeWebSocket(() => ({ onMessage: ({ data }, socket) => socket.send(data as string) })),
      );
      const sockets = new WebSocketServer({ noServer: true });
      return { server: honoServer(app, onServer, sockets), connect: connectTo('/echo') };
    },
  },
  {
    name: 'NestJS 11',
    unknownUpgrade: 404,
    async open(onServer) {
      const app = await NestFactory.create(HelloModule, { logger: false });
      const server: Server = app.getHttpServer();
      onServer(server);
      await app.init();
      return { server, close: () => app.close() };
    },
  },
  {
    name: 'socket.io 4',
    unknownUpgrade: 'ended',
    async open(onServer) {
      const server = serverWith(hello, onServer);
      const sockets = new SocketIo(server, { destroyUpgradeTimeout: 20 });
      sockets.on('connection', (socket) => {
        socket.on('echo', (text: string, answer: (text: string) => void) => answer(text));
      });
      return { server, connect: connectToSocketIo, close: () => sockets.close() };
    },
  },
  {
    name: 'ws({ server })',
    unknownUpgrade: 101, // It takes every path for its own.
    async open(onServer) {
      const server = serverWith(hello, onServer);
      new WebSocketServer({ server }).on('connection', echo);
      return { server, connect: connectTo('/anything') };
    },
  },
  {
    name: 'ws({ server, path })',
    unknownUpgrade: 400,
    async open(onServer) {
      const server = serverWith(hello, onServer);
      new WebSocketServer({ server, path: '/echo' }).on('connection', echo);
      return { server, connect: connectTo('/echo') };
    },
  },
];

/** On a free port of 127.0.0.1. */
export async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** A server that is handed over before the listener is on it. */
function serverWith(listener: RequestListener, onServer: (server: Server) => void): Server {
  const server = createServer();
  onServer(server);
  return server.on('request', listener);
}

function honoServer(app: Hono, onServer: (server: Server) => void, sockets?: WebSocketServer): Server {
  const create = (_options: object, listener: RequestListener) => serverWith(listener, onServer);
  return createAdaptorServer({
    fetch: app.fetch,
    createServer: create as typeof createServer,
    // Its types want the `server` of ws to be older.
    ...(sockets && { websocket: { server: sockets as never } }),
  }) as Server;
}

const hello: RequestListener = (request, response) => {
  if (request.url === '/hello') response.end('hello');
  else response.writeHead(404).end('nothing here');
};

// Nest's decorators, called as the functions they are.
class HelloController {
  hello(): string {
    return 'hello';
  }
}
Controller()(HelloController);
Get('hello')(
  HelloController.prototype,
  'hello',
  Object.getOwnPropertyDescriptor(HelloController.prototype, 'hello') as PropertyDescriptor,
);

class HelloModule {}
Module({ controllers: [HelloController] })(HelloModule);

function echo(socket: WebSocket): void {
  socket.on('message', (text) => socket.send(String(text)));
}

const connectTo = (path: string) => async (port: number) => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  await once(socket, 'open');
  return {
    async say(text: string) {
      const answer = once(socket, 'message');
      socket.send(text);
      return String((await answer)[0]);
    },
    close: () => socket.close(),
  };
};

/** First by polling and then, as is its way, by WebSocket. */
async function connectToSocketIo(port: number): Promise<Echo> {
  const socket = io(`http://127.0.0.1:${port}`, { forceNew: true, reconnection: false });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect_error', reject);
    socket.io.once('open', () => socket.io.engine.once('upgrade', () => resolve()));
  });
  return {
    say: (text) => socket.timeout(5_000).emitWithAck('echo', text),
    close: () => socket.close(),
  };
}
