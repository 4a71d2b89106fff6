import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { subprotocols } from '@meetcast/protocol';
import express from 'express';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { type Echo, listen, type Neighbour, neighbours } from '../support/neighbours.ts';
import { Viewer } from '../support/peer.ts';
import { mintToken, type Stage, startHub } from '../support/start-hub.ts';

type Order = 'before' | 'after';

describe.each(neighbours)('$name', (neighbour) => {
  describe.each<Order>(['before', 'after'])('with the hub attached %s it', (order) => {
    test('the paths of both are answered, and an unknown one by whoever is left', async () => {
      const house = await moveIn(neighbour, order);
      await expectNeighbour(house, neighbour);
      await expectHub(house);
    });

    test('detaching gives everything back', async () => {
      const house = await moveIn(neighbour, order);
      house.detach();
      await expectNeighbour(house, neighbour);
      await expectNoHub(house, neighbour);
      const untouched = await neighbour.open(() => {});
      onTestFinished(async () => void (await untouched.close?.()));
      expect(listeners(house.server)).toEqual(listeners(untouched.server));
    });

    test('when the hub closes, the neighbour and its sockets go on', async () => {
      const house = await moveIn(neighbour, order);
      const open = await house.connect?.(house.port);
      const viewer = await house.stage.viewer({ port: house.port });
      await house.stage.hub.close();
      expect((await viewer.closed).code).toBe(1012);
      if (open) await expectEcho(open);
      await expectNeighbour(house, neighbour);
      await expectNoHub(house, neighbour);
    });
  });
});

describe('a server with nobody else on it', () => {
  test('answers what it does not know with 404, an upgrade too', async () => {
    const stage = await startHub();
    const { port } = await serve((server) => stage.hub.attach(server));
    const answer = await fetch(`http://127.0.0.1:${port}/hello`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      404,
      'application/problem+json; charset=utf-8',
    ]);
    await expect(upgrade(port, '/unknown')).resolves.toBe(404);
    await expectHub({ stage, port });
  });

  test('carries two hubs with their own base paths, and either may go first', async () => {
    for (const leaver of [0, 1]) {
      const stages = [await startHub({ basePath: '/one' }), await startHub({ basePath: '/two' })];
      const undo: (() => void)[] = [];
      const { port, server } = await serve((server) => {
        undo.push(...stages.map(({ hub }) => hub.attach(server)));
      });
      for (const path of ['/one/health', '/two/health']) expect(await statusOf(port, path)).toBe(200);
      for (const path of ['/one', '/two']) await greeted(port, path);
      expect(await statusOf(port, '/three/health')).toBe(404);
      await expect(upgrade(port, '/three')).resolves.toBe(404);

      undo[leaver]?.();
      const [gone, left] = leaver === 0 ? ['/one', '/two'] : ['/two', '/one'];
      await greeted(port, left);
      expect(await statusOf(port, `${left}/health`)).toBe(200);
      expect(await statusOf(port, `${gone}/health`)).toBe(404);
      await expect(upgrade(port, `${gone}/ws/meetings/m`)).resolves.toBe(404);

      undo[1 - leaver]?.();
      expect(listeners(server)).toEqual(listeners(createServer()));
    }
  });

  test('leaves unknown upgrades to whoever comes, and takes them back when it goes', async () => {
    const stages = [await startHub({ basePath: '/one' }), await startHub({ basePath: '/two' })];
    const { port, server } = await serve((server) => {
      for (const { hub } of stages) hub.attach(server);
    });
    for (let round = 0; round < 2; round += 1) {
      const guest = new WebSocketServer({ server });
      expect(server.listenerCount('upgrade')).toBe(1);
      await expect(upgrade(port, '/unknown')).resolves.toBe(101);
      guest.close();
      await expect(upgrade(port, '/unknown')).resolves.toBe(404);
    }
  });

  test('outlives request targets that no URL parser takes, and clients that leave at once', async () => {
    const stage = await startHub();
    const { port } = await serve((server) => stage.hub.attach(server));
    for (const target of ['//', '/%', '/%E0%A4%A', 'http://[', '/api/v1/ws/meetings/%', '*', '/?%', '/\\']) {
      for (const headers of ['connection: close', upgradeHeaders]) {
        const socket = connect(port, '127.0.0.1').on('error', () => {});
        socket.write(`GET ${target} HTTP/1.1\r\nhost: hub\r\n${headers}\r\n\r\n`);
        const [first] = await once(socket, 'data');
        expect(String(first)).toMatch(/^HTTP\/1\.1 (400|401|404|426) /);
        socket.destroy();
      }
    }
    const leaver = connect(port, '127.0.0.1');
    await once(leaver, 'connect');
    leaver.write(`GET /api/v1/ws/meetings/m HTTP/1.1\r\nhost: hub\r\n${upgradeHeaders}\r\n\r\n`);
    leaver.resetAndDestroy();
    await expectHub({ stage, port });
  });
});

describe('an offer of HTTP/2', () => {
  test('that nobody listens for is a request like any other, as without the hub', async () => {
    const stage = await startHub();
    const app = express();
    app.get('/hello', (request, response) => void response.send(`hello ${request.get('x-name')}`));
    app.post('/hello', express.text(), (request, response) => void response.send(request.body));
    const { port } = await serve((server) => {
      server.on('request', app);
      stage.hub.attach(server);
    });
    // One connection, as HTTP clients of the JVM do it: the offer of HTTP/2 is passed over, and the next one follows.
    const socket = connect(port, '127.0.0.1');
    const answers = answersOf(socket);
    const offer =
      'host: hub\r\nx-name: J\u00fcrgen\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMA';
    socket.write(Buffer.from(`GET /hello HTTP/1.1\r\n${offer}\r\n\r\n`, 'latin1'));
    await answers.until(/^HTTP\/1\.1 200 [\s\S]*hello J\u00fcrgen$/);
    socket.write(
      `POST /hello HTTP/1.1\r\n${offer}\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\nhalf`,
    );
    socket.write('half');
    await answers.until(/^HTTP\/1\.1 200 [\s\S]*halfhalf$/);
    socket.write(`GET /api/v1/ping HTTP/1.1\r\n${offer}\r\n\r\n`);
    await answers.until(/^HTTP\/1\.1 200 [\s\S]*"pong":true/);
    socket.destroy();
    await expectHub({ stage, port });
  });
});

describe('by hand', () => {
  test('handleRequest and handleUpgrade answer the hub’s own and touch nothing else', async () => {
    const { hub, ...stage } = await startHub();
    const app = express();
    const seen: (string | undefined)[] = [];
    // Mounted: Express takes the path it is mounted at off `url`.
    app.use('/api', async (request, response, next) => {
      if (!(await hub.handleRequest(request, response))) next();
    });
    app.use((request, response) => {
      seen.push(request.url);
      response.status(418).end();
    });
    const { port } = await serve((server) => {
      server.on('request', app);
      server.on('upgrade', (request, socket, head) => {
        if (!hub.handleUpgrade(request, socket, head)) socket.end('HTTP/1.1 418 I am a teapot\r\n\r\n');
      });
    });
    await expectHub({ stage: { ...stage, hub }, port });
    expect(await statusOf(port, '/api/v1/elsewhere')).toBe(418);
    expect(seen).toEqual(['/api/v1/elsewhere']);
    await expect(upgrade(port, '/elsewhere')).resolves.toBe(418);
  });

  test('fetch answers the hub’s own, and nothing else', async () => {
    const { hub, token } = await startHub();
    const answer = await hub.fetch(new Request('http://hub/api/v1/health'));
    expect(answer?.status).toBe(200);
    await expect(hub.fetch(new Request('http://hub/hello'))).resolves.toBeUndefined();
    await hub.meeting({ tenant: 'acme', id: 'm' }).final({ text: 'hello', startMs: 0, endMs: 1 });
    const transcript = new Request(
      `http://hub/api/v1/meetings/m/transcript?format=txt&token=${await token()}`,
    );
    await expect((await hub.fetch(transcript))?.text()).resolves.toContain('hello');
  });
});

interface House {
  readonly stage: Stage;
  readonly server: Server;
  readonly port: number;
  connect?(port: number): Promise<Echo>;
  detach(): void;
}

async function moveIn(neighbour: Neighbour, order: Order): Promise<House> {
  const stage = await startHub();
  let detach = () => {};
  const home = await neighbour.open((server) => {
    if (order === 'before') detach = stage.hub.attach(server);
  });
  if (order === 'after') detach = stage.hub.attach(home.server);
  const { port, server } = await serve(() => {}, home.server);
  onTestFinished(async () => {
    await stage.close(); // A neighbour that closes waits for every socket of its server.
    await home.close?.();
  });
  return { ...home, stage, server, port, detach: () => detach() };
}

/** A server that listens until the end of the test. */
async function serve(prepare: (server: Server) => void, server = createServer()) {
  prepare(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: await listen(server) };
}

async function expectNeighbour({ port, connect }: House, { unknownUpgrade }: Neighbour): Promise<void> {
  const hello = await fetch(`http://127.0.0.1:${port}/hello`);
  expect([hello.status, await hello.text()]).toEqual([200, 'hello']);
  expect(await statusOf(port, '/unknown')).toBe(404);
  await expect(upgrade(port, '/unknown')).resolves.toBe(unknownUpgrade);
  if (connect) await expectEcho(await connect(port));
}

async function expectEcho(echo: Echo): Promise<void> {
  await expect(echo.say('ışık')).resolves.toBe('ışık');
  echo.close();
}

async function expectHub({
  stage,
  port,
}: Pick<House, 'port'> & { stage: Omit<Stage, 'own'> }): Promise<void> {
  const health = await fetch(`http://127.0.0.1:${port}/api/v1/health`);
  expect([health.status, await health.json()]).toMatchObject([200, { storage: 'ok' }]);
  expect(await statusOf(port, '/api/v1/ws/meetings/m')).toBe(426);
  const viewer = await stage.viewer({ port });
  await stage.hub.meeting({ tenant: 'acme', id: 'm' }).status('locked', 'by the host');
  await viewer.status('locked');
}

async function expectNoHub({ port }: House, { unknownUpgrade }: Neighbour): Promise<void> {
  expect(await statusOf(port, '/api/v1/health')).toBe(404);
  await expect(upgrade(port, '/api/v1/ws/meetings/m')).resolves.toBe(unknownUpgrade);
}

async function greeted(port: number, basePath: string): Promise<void> {
  const viewer = new Viewer(
    `ws://127.0.0.1:${port}${basePath}/ws/meetings/m`,
    subprotocols(await mintToken()),
  );
  await viewer.until('connected');
  viewer.vanish();
}

const statusOf = async (port: number, path: string) =>
  (await fetch(`http://127.0.0.1:${port}${path}`)).status;

const upgradeHeaders =
  'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==';

/** The status that answers a WebSocket handshake, or that it was ended without one. */
function upgrade(port: number, path: string): Promise<number | 'ended' | undefined> {
  const headers = Object.fromEntries(upgradeHeaders.split('\r\n').map((line) => line.split(': ')));
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path, headers, agent: false });
    request.on('response', (response) => resolve(response.resume().statusCode));
    request.on('upgrade', ({ statusCode }, socket) => {
      socket.destroy();
      resolve(statusCode);
    });
    request.on('error', () => resolve('ended'));
  });
}

/** What a socket says, an answer at a time. */
function answersOf(socket: Socket) {
  let text = '';
  socket.setEncoding('utf8');
  return {
    async until(answer: RegExp) {
      while (!answer.test(text)) text += (await once(socket, 'data'))[0];
      text = '';
    },
  };
}

/** How many listen to what. */
const listeners = (server: Server) =>
  Object.fromEntries(
    ['request', 'upgrade', 'newListener', 'removeListener'].map((name) => [name, server.listenerCount(name)]),
  );
