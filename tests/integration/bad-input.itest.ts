import { subprotocols } from '@meetcast/protocol';
import { jwtAuthenticator, type Limits } from '@meetcast/server';
import { SignJWT } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { countingBus, Gate, gatedRegistry, gatedStore } from '../support/adapters.ts';
import { Peer, Sender, Viewer } from '../support/peer.ts';
import {
  type End,
  frame,
  RawSocket,
  RawWebSocket,
  requestHead,
  upgradeHeaders,
} from '../support/raw-socket.ts';
import { expectWords, speech } from '../support/speech.ts';
import {
  handshakeOf,
  mintToken,
  type Stage,
  type StageOptions,
  secret,
  startHub,
  unhurried,
} from '../support/start-hub.ts';

const base = '/api/v1';
const soon = { timeout: 30_000, interval: 5 };
const viewerPath = `${base}/ws/meetings/m`;
const ingestPath = `${base}/ws/ingest/meetings/m`;

/** A source that broke off keeps its place for a little only. */
const brief = { ...unhurried, graceMs: 100 };

/** Runs bad input beside a healthy meeting, which must lose nothing; afterwards nothing of anybody may be left. */
async function besideAHealthyMeeting(
  options: StageOptions,
  misbehave: (stage: Stage) => Promise<void>,
): Promise<void> {
  const bus = countingBus();
  const stage = await startHub({ bus, ...options, limits: { ...brief, ...options.limits } });
  const meeting = 'healthy';
  const viewer = await stage.viewer({ meeting });
  const sender = await stage.sender({ meeting });
  const { words, pcm } = speech(24, 1);
  const half = Math.round(pcm.length / 4) * 2;
  const saying = sender.say(pcm.subarray(0, half), { everyMs: 3 });
  await misbehave(stage);
  await saying;
  await sender.say(pcm.subarray(half));
  expect(await sender.finalize()).toEqual({ code: 1000, reason: 'done' });
  await viewer.status('ended');
  await expectWords(stage, { mic: words }, { meeting, viewers: [viewer] });
  viewer.ws.close();
  await viewer.closed;
  await expectNothingLeft(stage);
  await vi.waitFor(() => expect(bus.subscriptions).toBe(0), soon);
}

/** No seat, no claim, and every session that began has ended. */
async function expectNothingLeft(stage: Stage): Promise<void> {
  await vi.waitFor(async () => {
    const stats = await (await stage.get('ws/stats')).json();
    expect(stats).toEqual({ meetings: 0, subscribers: 0, ingests: 0 });
    expect(openSessions(stage)).toEqual([]);
  }, soon);
}

function openSessions(stage: Stage): string[] {
  const open = new Set<string>();
  for (const event of stage.observed) {
    if (event.type === 'ingest' && event.step === 'cleanup_complete') open.delete(event.connection);
    else if (event.type === 'subscriber' && event.state === 'closed') open.delete(event.connection);
    else if (event.type === 'ingest' || event.type === 'subscriber') open.add(event.connection);
  }
  return [...open];
}

/** What a refused socket must show: at most an `error` with the word of its code, then the code. */
async function expectRefused(peer: Peer, code: number, word: string): Promise<void> {
  expect(await peer.closed).toEqual({ code, reason: word });
  expect(peer.of('error').at(-1)).toMatchObject({ code: word });
  expect(peer.of('error').at(-1)?.message).toMatch(/.{8,}/);
  expect(peer.undecodable).toEqual([]);
}

describe('[WIRE7] hostile request targets', () => {
  const long = 'a'.repeat(129);
  const targets: [target: string, http: number, upgrade: number][] = [
    ['//', 404, 404],
    ['///api/v1/health', 404, 404],
    ['http://[::/z', 404, 404],
    ['http://hub/other', 404, 404],
    ['%', 400, 400],
    ['/%zz', 404, 404],
    ['/%', 404, 404],
    ['/%00', 404, 404],
    ['/?%zz=%', 404, 404],
    ['/..', 404, 404],
    ['/../../etc/passwd', 404, 404],
    [`${base}/ws/meetings/%zz`, 426, 400],
    [`${base}/ws/meetings/%`, 426, 400],
    [`${base}/ws/meetings/a%2Fb`, 426, 400],
    [`${base}/ws/meetings/`, 426, 400],
    [`${base}/ws/meetings/${long}`, 426, 400],
    [`${base}/ws/ingest/meetings/${long}`, 426, 400],
    [`${base}/ws/meetings/a/../../b`, 404, 404],
    [`${base}/meetings/%zz/transcript`, 401, 404],
    [`${base}/nothing`, 404, 404],
    [`/ws/meeting/${long}`, 426, 400],
    ['/ws/meeting/', 426, 400],
    ['/\0', 400, 400],
    ['/a\x01b', 400, 400],
    ['/a b', 400, 400],
    ['/a\x7f', 400, 400],
    [`/${'a'.repeat(20_000)}`, 431, 431],
    [`${base}/ws/meetings/m?token=${'a'.repeat(20_000)}`, 431, 431],
  ];

  test('each is answered, none ends the process', async () => {
    await besideAHealthyMeeting({}, async ({ port }) => {
      for (const [target, http, upgrade] of targets) {
        const label = target.slice(0, 60);
        const request = new RawSocket(port);
        request.send(requestHead(target, ['connection: close']));
        expect(await request.status(), `GET ${label}`).toBe(http);
        const socket = new RawSocket(port);
        socket.send(requestHead(target, upgradeHeaders));
        expect(await socket.status(), `upgrade of ${label}`).toBe(upgrade);
        expect(await socket.ended).toBe('fin');
      }
    });
  });

  test('bytes that are no HTTP, half requests, other methods', async () => {
    await besideAHealthyMeeting({}, async ({ port }) => {
      const senseless = [
        '\0\0\0\0\r\n\r\n',
        'GET\r\n\r\n',
        '\x16\x03\x01\x02\x00\x01',
        `${'x'.repeat(70_000)}`,
      ];
      for (const bytes of senseless) {
        const socket = new RawSocket(port);
        socket.send(bytes);
        await socket.ended;
        expect(socket.received.toString('latin1')).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
      }
      for (const [half, how] of [
        ['GET /api', 'fin'],
        [requestHead(viewerPath).slice(0, -4), 'rst'],
      ] as const) {
        const socket = new RawSocket(port);
        socket.send(half);
        socket.vanish(how);
        await socket.ended;
      }
      for (const method of ['POST', 'DELETE', 'OPTIONS']) {
        const socket = new RawSocket(port);
        socket.send(requestHead(`${base}/health`, ['connection: close', 'content-length: 0'], method));
        expect(await socket.status()).toBe(405);
      }
    });
  });

  test('[ADDR1, AUTH4] bad meeting ids and foreign sub-protocols are 400, before the upgrade', async () => {
    await besideAHealthyMeeting({}, async (stage) => {
      const token = await mintToken();
      for (const id of ['ä', 'a,b', 'a%20b', 'a'.repeat(129), '']) {
        for (const path of [
          `${base}/ws/meetings/`,
          `${base}/ws/transcript/`,
          `${base}/ws/ingest/meetings/`,
        ]) {
          const peer = stage.own(new Peer(`ws://127.0.0.1:${stage.port}${path}${id}`, subprotocols(token)));
          await expect(peer.opened).rejects.toThrow('400');
        }
        const answer = await stage.get(`meetings/${id}/transcript`);
        expect([id, answer.status]).toEqual([id, 400]);
      }
      for (const offered of [['graphql-ws'], ['meetcast.v2', 'x'], [`meetcast.bearer.${token}`]]) {
        const peer = stage.own(new Peer(`ws://127.0.0.1:${stage.port}${viewerPath}`, offered));
        await expect(peer.opened).rejects.toThrow('400');
      }
      const raw = new RawSocket(stage.port);
      raw.send(requestHead(viewerPath, [...upgradeHeaders, 'sec-websocket-protocol: ,,']));
      expect(await raw.status()).toBe(400);
    });
  });

  test('[REST2] bad queries are problems that name the field', async () => {
    const stage = await startHub();
    for (const [query, field] of [
      ['format=pdf', 'format'],
      ['after=-1', 'after'],
      ['after=1e3', 'after'],
      ['after=99999999999999999999', 'after'],
      ['limit=0', 'limit'],
      ['limit=1001', 'limit'],
      ['limit=%zz', 'limit'],
    ]) {
      const answer = await stage.get(`meetings/m/transcript?${query}`);
      expect(answer.status, query).toBe(400);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(((await answer.json()) as { detail: string }).detail).toContain(`"${field}"`);
    }
  });
});

describe('[AUTH6] who is nobody', () => {
  const wrong: [name: string, token: () => Promise<string> | string][] = [
    ['garbage', () => 'x.y.z'],
    ['an expired one', () => mintToken({ ttl: -60 })],
    ['one without a signature', async () => `${(await mintToken()).split('.').slice(0, 2).join('.')}.`],
    [
      'one of another key',
      () => sign({ user_id: 'u', tenant_id: 'acme', email: 'e', role: 'r' }, 'another key'),
    ],
    ['one without claims', () => sign({})],
    [
      'one with a tenant that is no name',
      () => sign({ user_id: 'u', tenant_id: 'a/b', email: 'e', role: 'r' }),
    ],
    ['one with alg none', () => `${part({ alg: 'none' })}.${part({ user_id: 'u' })}.`],
  ];
  const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const sign = (claims: Record<string, string>, key = secret) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuedAt()
      .setExpirationTime('1h')
      .setAudience('meetcast')
      .setIssuer('meetcast')
      .sign(Buffer.from(key));

  test('is accepted, told why, and closed with 4001; HTTP answers 401', async () => {
    await besideAHealthyMeeting({}, async (stage) => {
      for (const path of [viewerPath, ingestPath]) {
        const url = `ws://127.0.0.1:${stage.port}${path}`;
        await expectRefused(stage.own(new Peer(url)), 4001, 'auth_failed');
        await expectRefused(stage.own(new Peer(`${url}?token=`)), 4001, 'auth_failed');
        await expectRefused(stage.own(new Peer(url, ['meetcast.v1'])), 4001, 'auth_failed');
        for (const [, mint] of wrong) {
          const token = await mint();
          await expectRefused(stage.own(new Peer(`${url}?token=${token}`)), 4001, 'auth_failed');
          await expectRefused(stage.own(new Peer(url, subprotocols(token))), 4001, 'auth_failed');
          const address = `http://127.0.0.1:${stage.port}${base}/meetings/m/transcript`;
          const answer = await fetch(address, { headers: { authorization: `Bearer ${token}` } });
          expect(answer.status).toBe(401);
          expect(await answer.json()).toMatchObject({ code: 'auth_failed' });
        }
      }
    });
  });

  test('[AUTH7, AUTH9] a role that may not, a refreshed token of somebody else', async () => {
    await besideAHealthyMeeting({}, async (stage) => {
      await expectRefused(await stage.stranger({ role: 'viewer' }), 4004, 'forbidden');
      for (const [claims, code, word] of [
        [{ tenant: 'globex' }, 4001, 'auth_failed'],
        [{ user: 'u-2' }, 4001, 'auth_failed'],
        [{ ttl: -60 }, 4001, 'auth_failed'],
      ] as const) {
        const token = await mintToken(claims);
        const viewer = await stage.viewer();
        viewer.send({ type: 'auth', token });
        await expectRefused(viewer, code, word);
        const sender = await stage.sender();
        sender.send({ type: 'auth', token });
        await expectRefused(sender, code, word);
      }
      const demoted = await stage.sender();
      demoted.send({ type: 'auth', token: await mintToken({ role: 'viewer' }) });
      await expectRefused(demoted, 4004, 'forbidden');
    });
  });

  test('[AUTH8] a token that runs out: told before, closed with 4005 at expiry', async () => {
    await besideAHealthyMeeting({}, async (stage) => {
      // Whole seconds: a token of 3 s lasts more than 2, time enough to be accepted on a busy machine.
      const peers = await Promise.all([stage.viewer({ ttl: 3 }), stage.sender({ ttl: 3 })]);
      for (const peer of peers) {
        expect((await peer.status('token_expiring')).seq).toBeUndefined();
        await expectRefused(peer, 4005, 'token_expired');
      }
    });
  });
});

describe('[ING1] before the handshake', () => {
  const texts = [
    'not json',
    '',
    '[]',
    'null',
    '5',
    '"x"',
    '{}',
    '{"type":1}',
    '{"type":"nope"}',
    `${'['.repeat(5_000)}`,
  ];
  const messages = ['finalize', 'flush', 'close', 'off_record'].map((type) =>
    JSON.stringify({ type, on: true }),
  );

  test('everything else is 4006, audio and finalize too', async () => {
    await besideAHealthyMeeting({}, async (stage) => {
      for (const text of [...texts, ...messages]) {
        const sender = await stage.stranger();
        sender.send(text);
        await expectRefused(sender, 4006, 'bad_handshake');
      }
      const sender = await stage.stranger();
      sender.ws.send(Buffer.alloc(2));
      await expectRefused(sender, 4006, 'bad_handshake');
    });
  });

  test('[ING3] a wrong field is named', async () => {
    const fields: [name: string, value: unknown][] = [
      ...[7_999, 192_001, 16_000.5, '16000', -1, 1e300, [], {}].map((value): [string, unknown] => [
        'sample_rate',
        value,
      ]),
      ...[0, 9, 1.5, 'two'].map((value): [string, unknown] => ['channels', value]),
      ...['speaker', 3, ''].map((value): [string, unknown] => ['source', value]),
      ['encoding', 'opus'],
      ['language', '!!'],
      ['ai_mode', 'mega'],
      ['device_id', 'x'.repeat(257)],
      ['title', 'x'.repeat(513)],
      ['session_id', ''],
      ['session_id', 'x'.repeat(129)],
      ['resume', 'yes'],
    ];
    await besideAHealthyMeeting({}, async (stage) => {
      for (const [name, value] of fields) {
        const sender = await stage.stranger();
        sender.send({ ...handshakeOf(), [name]: value });
        await expectRefused(sender, 4006, 'bad_handshake');
        const [ack] = sender.of('handshake_ack');
        expect(ack, name).toMatchObject({ status: 'error' });
        expect(ack?.message).toContain(`"${name}"`);
      }
    });
  });

  test('[ING2] a source that is missing, unknown, or contradicted by the address', async () => {
    await besideAHealthyMeeting({}, async (stage) => {
      const token = await mintToken();
      for (const [query, source] of [
        ['', undefined],
        ['?source=nope', 'mic'],
        ['?source=mic', 'system'],
        ['?source=sys', 'mic'],
      ]) {
        const url = `ws://127.0.0.1:${stage.port}${ingestPath}${query}`;
        const sender = stage.own(new Sender(url, subprotocols(token)));
        await sender.opened;
        sender.send({ ...handshakeOf(), source });
        await expectRefused(sender, 4006, 'bad_handshake');
        expect(sender.of('error')[0]?.message).toContain('"source"');
      }
    });
  });

  test('silence is 4006 in time; pings and fresh tokens do not count', async () => {
    await besideAHealthyMeeting({ limits: { handshakeTimeoutMs: 4_000 } }, async (stage) => {
      const [silent, chatty] = await Promise.all([stage.stranger(), stage.stranger()]);
      chatty.send('ping');
      chatty.send({ type: 'auth', token: await mintToken() });
      await chatty.until('auth_ok');
      expect(chatty.of('pong')).toHaveLength(1);
      await Promise.all([silent, chatty].map((peer) => expectRefused(peer, 4006, 'bad_handshake')));
    });
  });
});

describe('after the handshake', () => {
  test.each([
    ['[ING4] no JSON', 'not json', 4007],
    ['[ING4] an unknown type', '{"type":"nope"}', 4007],
    ['[ING4] a wrong type of a field', '{"type":"off_record","on":"yes"}', 4007],
    ['[ING5] a second handshake', JSON.stringify(handshakeOf()), 4007],
    ['[ING7] an odd number of bytes', Buffer.alloc(4_097), 4007],
    ['[ING7] one byte', Buffer.alloc(1), 4007],
    ['[ING8] a frame slightly too long', Buffer.alloc(32_770), 1009],
    ['[ING8] a frame far too long', Buffer.alloc(10_000_000), 1009],
    ['[ING8] a text far too long', 'x'.repeat(1_000_000), 1009],
  ] as const)('%s', async (_, data, code) => {
    await besideAHealthyMeeting({}, async (stage) => {
      const { words, pcm } = speech(6, 2);
      const sender = await stage.sender();
      await sender.say(pcm);
      sender.ws.send(data);
      expect((await sender.closed).code).toBe(code);
      // What was sent before is a meeting's words like any other's.
      const viewer = await stage.viewer();
      await viewer.status('idle');
      await expectWords(stage, { mic: words }, { viewers: [viewer] });
      viewer.ws.close();
    });
  });

  test('[ING7] half a stereo sample', async () => {
    await besideAHealthyMeeting({}, async (stage) => {
      const sender = await stage.sender({ channels: 2 });
      sender.ws.send(Buffer.alloc(4_098));
      await expectRefused(sender, 4007, 'bad_message');
    });
  });

  test('[ING8] the longest frame that is allowed is allowed', async () => {
    const stage = await startHub();
    const sender = await stage.sender();
    const { words, pcm } = speech(9, 3);
    await sender.say(pcm, { frameBytes: 32_768 });
    sender.ws.send(Buffer.alloc(0));
    expect(await sender.finalize()).toEqual({ code: 1000, reason: 'done' });
    await expectWords(stage, { mic: words });
  });
});

describe('viewers', () => {
  test('[SUB9] anything but auth and ping is 4007', async () => {
    await besideAHealthyMeeting({}, async (stage) => {
      for (const data of [
        'not json',
        '{}',
        '[]',
        'null',
        '{"type":"finalize"}',
        '{"type":"auth"}',
        '{"type":"auth","token":5}',
      ]) {
        const viewer = await stage.viewer();
        viewer.send(data);
        await expectRefused(viewer, 4007, 'bad_message');
      }
      const viewer = await stage.viewer();
      viewer.ws.send(Buffer.alloc(8));
      await expectRefused(viewer, 4007, 'bad_message');
    });
  });

  test('[SUB10] a flood of texts is 1008; the next viewer is welcome', async () => {
    await besideAHealthyMeeting({}, async (stage) => {
      const viewer = await stage.viewer();
      for (let sent = 0; sent < 2_000; sent += 1) viewer.send('ping');
      await expectRefused(viewer, 1008, 'policy');
      expect(viewer.of('pong').length).toBeLessThan(50);
      const next = await stage.viewer();
      next.send('ping');
      await next.until('pong');
      next.ws.close();
    });
  });

  test('a place to begin that is none is refused by name', async () => {
    await besideAHealthyMeeting({}, async (stage) => {
      const token = await mintToken();
      const queries = [
        'since=-1',
        'since=abc',
        'since=1.5',
        'since=1e3',
        'since=',
        'since=9999999999999999',
        'since=%zz',
      ];
      for (const query of [...queries, 'history=-1', 'history=some', 'history=1.5', 'history=']) {
        const url = `ws://127.0.0.1:${stage.port}${viewerPath}?${query}`;
        const viewer = stage.own(new Viewer(url, subprotocols(token)));
        await expectRefused(viewer, 4007, 'bad_message');
        expect(viewer.of('error')[0]?.message).toContain(`"${query.split('=')[0]}"`);
      }
    });
  });

  test('[SUB2] a place beyond the log, or of another one, is not recovered', async () => {
    const stage = await startHub();
    await stage.hub.meeting({ tenant: 'acme', id: 'm' }).status('note', 'one entry');
    for (const query of ['since=2', 'since=1&epoch=another', 'since=999999999999999']) {
      const viewer = await stage.viewer({ query });
      expect((await viewer.until('connected')).recovered).toBe(false);
      expect(viewer.seqs).toEqual([]);
    }
  });

  test('[SUB11] one viewer more than there are seats is 4003, until one leaves', async () => {
    await besideAHealthyMeeting({ limits: { subscribersPerMeeting: 2 } }, async (stage) => {
      const seated = [await stage.viewer(), await stage.viewer()];
      const url = `ws://127.0.0.1:${stage.port}${viewerPath}`;
      await expectRefused(
        stage.own(new Viewer(url, subprotocols(await mintToken()))),
        4003,
        'connection_limit',
      );
      seated[0]?.ws.close();
      await seated[0]?.closed;
      await vi.waitFor(async () => (await stage.viewer()).ws.close(), soon);
      seated[1]?.ws.close();
    });
  });
});

describe('below the messages', () => {
  const protocolErrors: [name: string, bytes: Buffer | (() => Buffer), code: number][] = [
    ['an unmasked frame', frame('ping', { isMasked: false }), 1002],
    ['a reserved bit', frame('ping', { reserved: 4 }), 1002],
    ['all reserved bits', frame('ping', { reserved: 7 }), 1002],
    ['a reserved opcode', frame('ping', { opcode: 3 }), 1002],
    ['a reserved control opcode', frame('', { opcode: 11 }), 1002],
    ['a ping in fragments', frame('x', { opcode: 9, fin: false }), 1002],
    ['a ping that is too long', frame('x'.repeat(126), { opcode: 9 }), 1002],
    ['a continuation of nothing', frame('x', { opcode: 0 }), 1002],
    ['a new message within fragments', Buffer.concat([frame('a', { fin: false }), frame('b')]), 1002],
    ['a close with a code that is none', frame(Buffer.from([0, 1]), { opcode: 8 }), 1002],
    ['a close with half a code', frame(Buffer.from([3]), { opcode: 8 }), 1002],
    ['invalid UTF-8', frame(Buffer.from([0xc3, 0x28])), 1007],
    ['half a character', frame(Buffer.from([0xe2, 0x82])), 1007],
    ['a length of a terabyte', frame('', { length: 2 ** 40 }), 1009],
    ['a length beyond every number', frame('', { length: Number.MAX_SAFE_INTEGER * 2 }), 1009],
    [
      'a flood of fragments',
      () =>
        Buffer.concat(Array.from({ length: 5_000 }, (_, i) => frame('', { opcode: i ? 0 : 1, fin: false }))),
      1008,
    ],
  ];

  test.each([
    ['a viewer', viewerPath],
    ['a sender', ingestPath],
  ])('%s that breaks the WebSocket protocol', async (who, path) => {
    await besideAHealthyMeeting({}, async (stage) => {
      const token = await mintToken();
      for (const [name, bytes, code] of protocolErrors) {
        const socket = new RawWebSocket(stage.port, `${path}?token=${token}`);
        if (who === 'a sender') {
          socket.text(handshakeOf());
          await socket.message('handshake_ack');
        } else await socket.message('connected');
        socket.send(typeof bytes === 'function' ? bytes() : bytes);
        expect([name, await socket.closeCode()]).toEqual([name, code]);
        socket.vanish('fin');
        await socket.ended;
      }
    });
  });

  test('half a frame, then nothing: the link ends with its heartbeat', async () => {
    await besideAHealthyMeeting({ limits: { heartbeatMs: 1_000 } }, async (stage) => {
      const socket = new RawWebSocket(stage.port, `${viewerPath}?token=${await mintToken()}`);
      await socket.message('connected');
      socket.send(frame('{"type":"ping"}').subarray(0, 7));
      await socket.ended;
    });
  });
});

describe('[LINK3] too many connects', () => {
  const limits: Partial<Limits> = { connectsPerWindow: 5, connectWindowMs: 600_000 };

  test('the sixth ingest of a source within the window is 1013; other sources and meetings go on', async () => {
    const stage = await startHub({ limits });
    for (let connect = 0; connect < 5; connect += 1) {
      const sender = await stage.sender();
      sender.send({ type: 'close' });
      await sender.closed;
    }
    const sixth = await stage.stranger();
    sixth.send(handshakeOf());
    await expectRefused(sixth, 1013, 'try_again_later');
    await stage.sender({ source: 'system' });
    await stage.sender({ meeting: 'another' });
  });

  test('so is the sixth connection of any kind from one address', async () => {
    const stage = await startHub({ limits, clientAddress: () => '203.0.113.7' });
    for (let connect = 0; connect < 5; connect += 1) await stage.viewer({ meeting: `m-${connect}` });
    await expectRefused(await stage.stranger(), 1013, 'try_again_later');
  });
});

describe('sockets that vanish, in every state', () => {
  const ways: End[] = ['fin', 'rst'];

  test.each(ways)('(%s) while an upgrade is being refused', async (how) => {
    await besideAHealthyMeeting({}, async ({ port }) => {
      const refused = Array.from({ length: 60 }, () => new RawSocket(port));
      for (const [index, socket] of refused.entries()) {
        await new Promise((resolve) => socket.socket.once('connect', resolve));
        const target = index % 2 ? `${base}/ws/meetings/%` : '/nothing';
        socket.socket.write(requestHead(target, upgradeHeaders), () => socket.vanish(how));
      }
      await Promise.all(refused.map(({ ended }) => ended));
    });
  });

  test.each(ways)('(%s) before and while its token is looked at', async (how) => {
    const gate = new Gate();
    const verify = jwtAuthenticator({ secret });
    const auth = async (token: string) => {
      const grant = await verify(token);
      if (grant.userId === 'gated') await gate.pass();
      return grant;
    };
    const { startGatedHub, vanishAll } = vanishing(how);
    const { stage, healthy } = await startGatedHub({ auth });
    const token = await mintToken({ user: 'gated' });
    for (const path of [viewerPath, ingestPath]) {
      const socket = new RawWebSocket(stage.port, `${path}?token=${token}`);
      await socket.status();
      socket.text(handshakeOf());
      vanishAll(socket);
      const instant = new RawWebSocket(stage.port, `${path}?token=${token}`);
      vanishAll(instant);
    }
    await vi.waitFor(() => expect(gate.arrived).toBeGreaterThanOrEqual(2), soon);
    gate.open();
    await healthy();
  });

  test.each(ways)(
    '(%s) a sender: awaiting-handshake, claiming, opening, streaming, finishing',
    async (how) => {
      const claim = new Gate();
      const append = new Gate();
      const { startGatedHub, vanishAll } = vanishing(how);
      const { stage, healthy } = await startGatedHub({
        registry: gatedRegistry({ claim }),
        store: gatedStore({ append }),
      });
      const token = await mintToken();
      const connect = (meeting: string) =>
        new RawWebSocket(stage.port, `${base}/ws/ingest/meetings/${meeting}?token=${token}`);

      const waiting = connect('waiting');
      await waiting.status();
      vanishAll(waiting);

      const claiming = connect('gated');
      claiming.text(handshakeOf());
      await vi.waitFor(() => expect(claim.arrived).toBe(1), soon);
      claiming.binary(Buffer.alloc(320));
      vanishAll(claiming);

      stage.simulator.fault({ kind: 'slow-upgrade', delayMs: 200 });
      const opening = connect('opening');
      opening.text(handshakeOf());
      await sawStep(stage, 'opening', 'handshake_complete');
      opening.binary(Buffer.alloc(320));
      vanishAll(opening);
      await stage.simulator.clear();

      const { words, pcm } = speech(8, 4);
      const streaming = connect('streaming');
      streaming.text(handshakeOf());
      for (let at = 0; at < pcm.length; at += 4_096) streaming.binary(pcm.subarray(at, at + 4_096));
      await streaming.message('transcript.final');
      await streaming.until(() =>
        streaming.texts.some((text) => text.includes(`"received_ms":${(pcm.length / 32).toFixed(0)}`))
          ? true
          : undefined,
      );
      vanishAll(streaming);

      stage.simulator.fault({ kind: 'slow-reader', bytesPerSecond: 200_000 });
      const finishing = connect('finishing');
      finishing.text(handshakeOf());
      for (let at = 0; at < pcm.length; at += 4_096) finishing.binary(pcm.subarray(at, at + 4_096));
      finishing.text({ type: 'finalize' });
      await sawStep(stage, 'finishing', 'draining');
      vanishAll(finishing);

      claim.open();
      append.open();
      await healthy();
      await expectWords(stage, { mic: words }, { meeting: 'streaming' });
      await expectWords(stage, { mic: words }, { meeting: 'finishing' });
    },
  );

  test.each(ways)('(%s) a viewer: joining (seat, head), catching-up, live', async (how) => {
    for (const place of ['seat', 'head', 'read', 'live'] as const) {
      const gate = new Gate();
      const { startGatedHub, vanishAll } = vanishing(how);
      const { stage, healthy } = await startGatedHub({
        registry: gatedRegistry(place === 'seat' ? { seat: gate } : {}),
        store: gatedStore(place === 'head' ? { head: gate } : place === 'read' ? { read: gate } : {}),
      });
      const socket = new RawWebSocket(stage.port, `${base}/ws/meetings/gated?token=${await mintToken()}`);
      if (place === 'live') await socket.message('connected');
      else await vi.waitFor(() => expect(gate.arrived).toBe(1), soon);
      vanishAll(socket);
      gate.open();
      await healthy();
      await stage.close();
    }
  });

  /** A hub with a healthy meeting beside, and one way to vanish. */
  function vanishing(how: End) {
    const gone: Promise<End>[] = [];
    return {
      vanishAll(...sockets: RawSocket[]) {
        for (const socket of sockets) {
          socket.vanish(how);
          gone.push(socket.ended);
        }
      },
      async startGatedHub(options: StageOptions) {
        let over: () => void = () => {};
        const misbehaved = new Promise<void>((resolve) => {
          over = resolve;
        });
        let give: (stage: Stage) => void = () => {};
        const started = new Promise<Stage>((resolve) => {
          give = resolve;
        });
        const done = besideAHealthyMeeting(options, async (stage) => {
          give(stage);
          await misbehaved;
        });
        const stage = await started;
        const healthy = async () => {
          over();
          await done;
        };
        return { stage, healthy };
      },
    };
  }

  async function sawStep(stage: Stage, meeting: string, step: string): Promise<void> {
    const isIt = () =>
      stage.observed.some(
        (event) => event.type === 'ingest' && event.step === step && event.meeting.id === meeting,
      );
    await vi.waitFor(() => expect(isIt()).toBe(true), soon);
  }
});

describe('[AUTH5] tenants', () => {
  test('a viewer of the same meeting id under another tenant receives not one byte of it', async () => {
    const stage = await startHub();
    const spy = await stage.viewer({ tenant: 'globex' });
    const insider = await stage.viewer();
    const { words, pcm } = speech(20, 5);
    const sender = await stage.sender();
    const rival = await stage.sender({ tenant: 'globex' }); // the same source of the same id: no 4002
    await sender.say(pcm);
    expect(await sender.finalize()).toEqual({ code: 1000, reason: 'done' });
    await insider.status('ended');
    await expectWords(stage, { mic: words }, { viewers: [insider] });
    const secondSpy = await stage.viewer({ tenant: 'globex', query: `since=0` });

    const other = speech(7, 6);
    await rival.say(other.pcm);
    expect(await rival.finalize()).toEqual({ code: 1000, reason: 'done' });
    for (const viewer of [spy, secondSpy]) {
      await viewer.status('ended');
      await expectWords(stage, { mic: other.words }, { tenant: 'globex', viewers: [viewer] });
      // One greeting, and its own meeting: live, ended, and what lies between.
      const own = viewer.messages
        .filter(({ type }) => type !== 'connected')
        .map((message) => JSON.stringify(message));
      const foreign = new Set(insider.bytes.map(String));
      expect(own.filter((text) => foreign.has(text))).toEqual([]);
      expect(viewer.seqs).toEqual(Array.from(viewer.seqs, (_, index) => index + 1));
    }
    const stats = await (await stage.get('ws/meetings/m/stats', { tenant: 'initech' })).json();
    expect(stats).toMatchObject({ subscribers: 0, ingest_active: false, seq: 0, sources: {} });
    expect(await stage.transcript('m', { tenant: 'initech' })).toEqual([]);
  });

  test('somebody who only watches another tenant hears its greeting and nothing else', async () => {
    const stage = await startHub();
    const spies = [
      await stage.viewer({ tenant: 'globex' }),
      await stage.viewer({ tenant: 'acme.m', meeting: 'm' }),
    ];
    const insider = await stage.viewer();
    const sender = await stage.sender();
    await sender.say(speech(20, 7).pcm);
    await sender.finalize();
    await insider.status('ended');
    for (const spy of spies) {
      spy.send('ping');
      await spy.until('pong');
      expect(spy.messages.map(({ type }) => type)).toEqual(['connected', 'pong']);
      expect(spy.bytes).toHaveLength(2);
    }
  });
});

test('when a hub has closed, nothing of it keeps the process: no socket, no server, no timer', async () => {
  const resources = () =>
    process
      .getActiveResourcesInfo()
      .filter((name) => ['TCPSocketWrap', 'TCPServerWrap', 'Timeout'].includes(name))
      .sort();
  const stage = await startHub();
  const viewer = await stage.viewer();
  const sender = await stage.sender();
  await stage.stranger({ source: 'system' });
  await sender.say(speech(5, 8).pcm);
  await viewer.until('transcript.final');
  expect(new Set(resources()).size).toBe(3);
  await stage.close();
  // The test runner has a timer of its own now and then; it is short.
  for (const until = performance.now() + 30_000; performance.now() < until && resources().length > 0; ) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(resources()).toEqual([]);
});
