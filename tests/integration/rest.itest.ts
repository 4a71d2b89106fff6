import {
  MeetingList,
  MeetingSummary,
  PostedAnswer,
  Problem,
  SearchPage,
  TranscriptPage,
} from '@meetcast/protocol';
import { memoryStore, type Store } from '@meetcast/server';
import { describe, expect, test, vi } from 'vitest';
import { RawSocket } from '../support/raw-socket.ts';
import { speech } from '../support/speech.ts';
import { mintToken, type Stage, startHub, type TokenClaims, unhurried } from '../support/start-hub.ts';
import { stores } from '../support/stores.ts';

const owner = { role: 'owner' };
const base = '/api/v1';
const soon = { timeout: 30_000, interval: 5 };

interface Ask extends TokenClaims {
  method?: string;
  body?: unknown;
}

/** Any request; a body that is no text goes out as JSON. */
async function ask({ port }: Stage, path: string, { method = 'GET', body, ...claims }: Ask = {}) {
  const headers = { authorization: `Bearer ${await mintToken(claims)}` };
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return await fetch(`http://127.0.0.1:${port}${base}/${path}`, {
    method,
    headers,
    ...(text === undefined ? {} : { body: text }),
  });
}

async function problemOf(answer: Response): Promise<Problem> {
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  const problem = Problem.parse(await answer.json());
  expect(problem.status).toBe(answer.status);
  return problem;
}

const spoken = (text: string, startMs = 0, more: object = {}) => ({
  type: 'transcript.final',
  text,
  start_ms: startMs,
  end_ms: startMs + 900,
  ...more,
});

async function post(stage: Stage, meeting: string, body: unknown, claims: TokenClaims = owner) {
  const answer = await ask(stage, `meetings/${meeting}/events`, { method: 'POST', body, ...claims });
  expect(answer.status).toBe(201);
  return PostedAnswer.parse(await answer.json());
}

describe.each(stores)('on the %s store', (_name, open: () => Store) => {
  test('[REST7] meetings are listed newest first, in pages that neither repeat nor leave out', async () => {
    const stage = await startHub({ store: open() });
    for (let at = 0; at < 7; at += 1) await post(stage, `m-${at}`, { type: 'status', status: 'live' });
    const ids: string[] = [];
    for (let after = ''; ; ) {
      const page = MeetingList.parse(
        await (await ask(stage, `meetings?limit=3${after && `&after=${after}`}`)).json(),
      );
      expect(page.meetings.length).toBeLessThanOrEqual(3);
      ids.push(...page.meetings.map(({ meeting_id }) => meeting_id));
      if (page.next === null) break;
      after = page.next;
    }
    expect(ids).toEqual(['m-6', 'm-5', 'm-4', 'm-3', 'm-2', 'm-1', 'm-0']);
  });

  test('[TIME2] a meeting that was forgotten begins at 0 again', async () => {
    const stage = await startHub({ store: open() });
    const sender = await stage.sender({ meeting: 'again' });
    await sender.say(speech(4, 7).pcm);
    await sender.finalize();
    expect((await ask(stage, 'meetings/again', { method: 'DELETE', ...owner })).status).toBe(204);
    const next = await stage.stranger({ meeting: 'again' });
    next.send({ type: 'handshake', source: 'mic', sample_rate: 16_000 });
    expect(await next.until('handshake_ack')).toMatchObject({ status: 'success', resume_from_ms: 0 });
  });

  test('[REST1] a meeting is called what its sender calls it', async () => {
    const stage = await startHub({ store: open() });
    const sender = await stage.stranger({ meeting: 'named' });
    sender.send({ type: 'handshake', source: 'mic', title: 'Weekly planning' });
    await sender.until('handshake_ack');
    await expect
      .poll(
        async () => MeetingSummary.safeParse(await (await ask(stage, 'meetings/named')).json()).data?.title,
      )
      .toBe('Weekly planning');
  });

  test('[REST1] one meeting: when it began and ended, its title, languages and sources', async () => {
    const stage = await startHub({ store: open() });
    await post(stage, 'm', { type: 'status', status: 'live', details: { title: 'Stand-up' } });
    await post(stage, 'm', spoken('Günaydın', 0, { meta: { source: 'sys', language: 'tr' } }));
    const summary = async () => MeetingSummary.parse(await (await ask(stage, 'meetings/m')).json());
    expect(await summary()).toMatchObject({
      meeting_id: 'm',
      seq: 2,
      title: 'Stand-up',
      ended_at: null,
      languages: ['tr'],
      sources: ['system'],
    });
    await post(stage, 'm', { type: 'status', status: 'ended' });
    expect((await summary()).ended_at).toMatch(/^20/);
    expect(await problemOf(await ask(stage, 'meetings/nobody'))).toMatchObject({
      status: 404,
      code: 'not_found',
    });
  });

  test('[REST4] a transcript in pages; that of a meeting nobody wrote to is empty and no error', async () => {
    const stage = await startHub({ store: open() });
    for (let at = 0; at < 10; at += 1) await post(stage, 'm', spoken(`word ${at}`, at * 1000));
    expect((await stage.transcript('m')).map(({ text }) => text)).toEqual(
      Array.from({ length: 10 }, (_, at) => `word ${at}`),
    );
    for (const [limit, next] of [
      [9, 9],
      [10, null],
      [11, null],
    ]) {
      const page = TranscriptPage.parse(
        await (await stage.get(`meetings/m/transcript?limit=${limit}`)).json(),
      );
      expect([page.segments.length, page.next, page.seq]).toEqual([Math.min(10, Number(limit)), next, 10]);
    }
    const empty = await stage.get('meetings/nobody/transcript');
    expect(empty.status).toBe(200);
    expect(TranscriptPage.parse(await empty.json())).toMatchObject({ seq: 0, segments: [], next: null });
    for (const format of ['txt', 'srt', 'vtt']) {
      const text = await stage.get(`meetings/nobody/transcript?format=${format}`);
      expect([text.status, await text.text()]).toEqual([200, format === 'vtt' ? 'WEBVTT\n\n' : '']);
    }
  });

  test('[REST10] a search finds words whatever their case and accents, in one meeting or in all', async () => {
    const stage = await startHub({ store: open() });
    for (const id of ['a', 'b', 'c'])
      for (let at = 0; at < 3; at += 1)
        await post(stage, id, spoken(`${id}${at}: Başlayalım mı, dear colleagues?`, at * 1000));
    await post(stage, 'b', spoken('nothing to see'));
    const found: string[] = [];
    for (let after = ''; ; ) {
      const query = `search?q=BASLAYALIM%20dear&limit=2${after && `&after=${after}`}`;
      const page = SearchPage.parse(await (await ask(stage, query)).json());
      for (const { excerpt, highlights, segment } of page.hits) {
        expect(highlights.map(([from, to]) => excerpt.slice(from, to))).toEqual(['Başlayalım', 'dear']);
        found.push(segment.text.slice(0, 2));
      }
      if (page.next === null) break;
      after = page.next;
    }
    expect(found).toEqual(['c0', 'c1', 'c2', 'b0', 'b1', 'b2', 'a0', 'a1', 'a2']);
    const one = SearchPage.parse(await (await ask(stage, 'meetings/b/search?q=dear')).json());
    expect(one.hits.map(({ meeting_id, segment }) => [meeting_id, segment.seq])).toEqual([
      ['b', 1],
      ['b', 2],
      ['b', 3],
    ]);
    expect(SearchPage.parse(await (await ask(stage, 'meetings/nobody/search?q=dear')).json()).hits).toEqual(
      [],
    );
  });

  test('[AUTH5] nothing of another tenant is in any answer', async () => {
    const stage = await startHub({ store: open() });
    const globex = { tenant: 'globex', role: 'owner' };
    await post(stage, 'm', { type: 'status', status: 'live', details: { title: 'Xylophone' } }, owner);
    await post(stage, 'm', spoken('xylophone secrets', 0, { speaker: 'Xylia' }), owner);
    await post(stage, 'mine', spoken('harmless'), globex);
    const paths = [
      'meetings',
      'meetings/m',
      'meetings/m/transcript',
      ...['txt', 'srt', 'vtt'].map((format) => `meetings/m/transcript?format=${format}`),
      'search?q=xylophone',
      'meetings/m/search?q=xylophone',
      'meetings/m/events?limit=10',
      'ws/meetings/m/stats',
    ];
    for (const path of paths) {
      const text = await (await ask(stage, path, globex)).text();
      expect(text.replace('"query":"xylophone"', ''), path).not.toMatch(/xyl/i);
    }
    expect((await ask(stage, 'meetings/m', { method: 'DELETE', ...globex })).status).toBe(404);
    expect((await stage.transcript('m')).length).toBe(1);
  });

  test('[REST16] what is retracted is in no transcript, export, search or replay', async () => {
    const stage = await startHub({ store: open() });
    await post(stage, 'm', spoken('keep one', 0));
    const { segment_no } = await post(stage, 'm', spoken('zebra by number', 1_000));
    await post(stage, 'm', spoken('zebra by time', 2_000));
    await post(stage, 'm', spoken('keep two', 3_000));
    await post(stage, 'm', { type: 'retract', segment_no });
    await post(stage, 'm', { type: 'retract', start_ms: 2_000, end_ms: 2_900 });
    const paths = [
      'meetings/m/transcript',
      ...['txt', 'srt', 'vtt'].map((format) => `meetings/m/transcript?format=${format}`),
      'meetings/m/events?limit=100',
    ];
    for (const path of paths) {
      const text = await (await ask(stage, path)).text();
      expect(text, path).not.toContain('zebra');
      expect(text, path).toContain('keep two');
    }
    for (const path of ['search?q=zebra', 'meetings/m/search?q=zebra', 'search?q=number'])
      expect(SearchPage.parse(await (await ask(stage, path)).json()).hits).toEqual([]);
    const viewer = await stage.viewer();
    await viewer.until('retract', ({ seq }) => seq === 6);
    expect(Buffer.concat(viewer.bytes).toString()).not.toContain('zebra');
    expect(viewer.seqs).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('[ING14] a sender is told what is taken back, and of no other meeting', async () => {
    const stage = await startHub({ store: open() });
    const sender = await stage.sender();
    await post(stage, 'other', { type: 'retract', start_ms: 0, end_ms: 1_000 });
    const { segment_no } = await post(stage, 'm', spoken('zebra', 0));
    await post(stage, 'm', { type: 'retract', segment_no });
    await sender.until('retract');
    expect(sender.of('retract')).toMatchObject([{ meeting_id: 'm', segment_no }]);
    expect(sender.of('transcript.final')).toEqual([]);
  });

  test('[REST17] a forgotten meeting is empty everywhere, and its viewers find the new log', async () => {
    // Nobody else may find out for the viewer.
    const stage = await startHub({ store: open(), limits: { ...unhurried, headCheckMs: 600_000 } });
    await post(stage, 'm', spoken('zebra'));
    const viewer = await stage.viewer();
    const { epoch } = await viewer.until('connected');
    expect((await ask(stage, 'meetings/m', { method: 'DELETE', ...owner })).status).toBe(204);
    expect(await viewer.closed).toEqual({ code: 1012, reason: 'restart' });
    expect((await ask(stage, 'meetings/m')).status).toBe(404);
    expect((await ask(stage, 'meetings/m', { method: 'DELETE', ...owner })).status).toBe(404);
    expect(await stage.transcript('m')).toEqual([]);
    expect(await (await ask(stage, 'meetings')).json()).toEqual({ meetings: [], next: null });
    expect(await (await ask(stage, 'search?q=zebra')).json()).toMatchObject({ hits: [] });
    const back = await stage.viewer({ query: `since=1&epoch=${epoch}` });
    expect(await back.until('connected')).toMatchObject({ recovered: false, seq: 0 });
    await post(stage, 'm', spoken('anew'));
    expect(await back.until('transcript.final')).toMatchObject({ seq: 1, text: 'anew' });
  });
});

describe('[REST2] what is not valid is refused, and the field is named', () => {
  const refused: [path: string, field: string][] = [
    ['meetings?limit=0', '"limit"'],
    ['meetings?limit=1001', '"limit"'],
    ['meetings?limit=', '"limit"'],
    ['meetings?limit=1.5', '"limit"'],
    ['meetings?after=x', '"after"'],
    ['meetings?after=', '"after"'],
    ['meetings?after=1.2', '"after"'],
    ['search', '"q"'],
    ['search?q=', '"q"'],
    ['search?q=%20.,%20', '"q"'],
    [`search?q=${'a'.repeat(201)}`, '"q"'],
    [
      `search?q=${'a%20b%20c%20d%20e%20f%20g%20'.repeat(2)}h%20i%20j%20k%20l%20m%20n%20o%20p%20q%20r%20s%20t%20u%20v`,
      '"q"',
    ],
    ['search?q=a&after=7', '"after"'],
    ['search?q=a&limit=-1', '"limit"'],
    ['meetings/m/search', '"q"'],
    ['meetings/m/transcript?format=doc', '"format"'],
    ['meetings/m/transcript?format=', '"format"'],
    ['meetings/m/transcript?after=-1', '"after"'],
    ['meetings/m/transcript?limit=0', '"limit"'],
    ['meetings/m/transcript?format=srt&limit=0', '"limit"'],
    ['meetings/m/transcript?format=srt&after=x', '"after"'],
    ['meetings/m/events?since=x', '"since"'],
    ['meetings/m/events?history=x', '"history"'],
    ['meetings/m/events?wait_seconds=26', '"wait_seconds"'],
    ['meetings/m/events?wait_seconds=', '"wait_seconds"'],
    ['meetings/m/events?limit=1001', '"limit"'],
  ];

  test('in a query', async () => {
    const stage = await startHub();
    for (const [path, field] of refused) {
      const { status, code, detail } = await problemOf(await ask(stage, path));
      expect([path, status, code]).toEqual([path, 400, 'bad_request']);
      expect(detail).toMatch(new RegExp(`^${field}: `));
    }
  });

  const bodies: [body: unknown, problem: RegExp][] = [
    ['', /not JSON/],
    ['{', /not JSON/],
    ['[]', /not a JSON object/],
    [{}, /^"type"/],
    [{ type: 'gap' }, /^"type": "gap" is not known here/],
    [{ type: 'status' }, /^"status"/],
    [spoken('x', 0, { end_ms: -1 }), /^"end_ms"/],
    [spoken('x', 5_000, { end_ms: 1 }), /^"end_ms"/],
    [spoken('x', 0, { meta: { source: 'phone' } }), /^"meta\.source"/],
    [spoken('x', 0, { segment_no: 0 }), /^"segment_no"/],
    [spoken('x', 0, { speaker: 'a\0' }), /^"speaker"/],
    [{ type: 'retract' }, /^"segment_no"/],
    [{ type: 'retract', segment_no: 1, meta: { source: 'mic' } }, /^"segment_no"/],
    [{ type: 'retract', start_ms: 0, end_ms: 9, source: 'mic' }, /^"source": is not known here/],
    [{ type: 'retract', start_ms: 0, end_ms: 9, meta: { speaker: 'x' } }, /^"meta.speaker": is not known/],
    [{ type: 'retract', start_ms: 0, end_ms: 9, meta: { source: 'phone' } }, /^"meta.source"/],
    [{ type: 'status', status: 'x', details: { stage: 1 } }, /^"details\.stage"/],
  ];

  test('in a body, and nothing of it is kept', async () => {
    const stage = await startHub();
    for (const [body, detail] of bodies) {
      const problem = await problemOf(
        await ask(stage, 'meetings/m/events', { method: 'POST', body, ...owner }),
      );
      expect(problem).toMatchObject({ status: 400, code: 'bad_message' });
      expect(problem.detail).toMatch(detail);
    }
    expect((await ask(stage, 'meetings/m')).status).toBe(404);
  });

  test('bytes that are no UTF-8', async () => {
    const stage = await startHub();
    const answer = await fetch(`http://127.0.0.1:${stage.port}${base}/meetings/m/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await mintToken()}` },
      body: Buffer.from([0x22, 0xff, 0x22]),
    });
    expect(await problemOf(answer)).toMatchObject({ status: 400, code: 'bad_message' });
  });

  test('a method that an address does not have, with those that it has', async () => {
    const stage = await startHub();
    const allowed: [method: string, path: string, allow: string][] = [
      ['POST', 'meetings', 'GET, HEAD'],
      ['PUT', 'meetings/m', 'GET, HEAD, DELETE'],
      ['DELETE', 'meetings/m/events', 'GET, HEAD, POST'],
      ['OPTIONS', 'meetings/m/transcript', 'GET, HEAD'],
    ];
    for (const [method, path, allow] of allowed) {
      const answer = await ask(stage, path, { method });
      expect(answer.headers.get('allow')).toBe(allow);
      expect(await problemOf(answer)).toMatchObject({ status: 405, code: 'method_not_allowed' });
    }
  });

  test('a body above the bound is refused, however it comes, and the connection goes on', async () => {
    const stage = await startHub();
    const body = JSON.stringify(spoken('x'.repeat(300_000)));
    const refusal = await ask(stage, 'meetings/m/events', { method: 'POST', body, ...owner });
    expect(await problemOf(refusal)).toMatchObject({ status: 413, code: 'too_large' });
    const head = [
      `POST ${base}/meetings/m/events HTTP/1.1`,
      'host: hub',
      `authorization: Bearer ${await mintToken()}`,
      'transfer-encoding: chunked',
      '',
      '',
    ].join('\r\n');
    const socket = new RawSocket(stage.port);
    socket.send(head);
    for (let at = 0; at < 40; at += 1) socket.send(`2710\r\n${'x'.repeat(10_000)}\r\n`);
    expect(await socket.status()).toBe(413);
    socket.send('0\r\n\r\n');
    socket.send(`GET ${base}/ping HTTP/1.1\r\nhost: hub\r\n\r\n`);
    await socket.until((received) => received.toString().includes('{"pong":true}') || undefined);
    expect(socket.received.toString()).toContain('{"pong":true}');
  });
});

test('[AUTH9] what each role may do at each address', async () => {
  const stage = await startHub();
  await post(stage, 'm', spoken('hello'));
  const reads = [
    'meetings',
    'meetings/m',
    'meetings/m/transcript',
    'meetings/m/transcript?format=vtt',
    'search?q=hello',
    'meetings/m/search?q=hello',
    'meetings/m/events?limit=1',
    'ws/meetings/m/stats',
  ];
  const status = async (path: string, asked: Ask) => (await ask(stage, path, asked)).status;
  for (const role of ['viewer', 'member', 'admin', 'owner', 'host']) {
    for (const path of reads) expect(await status(path, { role }), `${role} ${path}`).toBe(200);
    const event = { method: 'POST', body: { type: 'ai.tip', tip: 'x' }, role };
    expect(await status('meetings/m/events', event)).toBe(role === 'viewer' ? 403 : 201);
    const mayManage = ['admin', 'owner', 'host'].includes(role);
    const retraction = { method: 'POST', body: { type: 'retract', segment_no: 99 }, role };
    expect(await status('meetings/m/events', retraction)).toBe(mayManage ? 201 : 403);
    if (!mayManage) expect(await status('meetings/m', { method: 'DELETE', role })).toBe(403);
  }
  for (const path of [...reads, 'meetings/m/events'])
    expect(await status(path, { ttl: -10 }), path).toBe(401);
  const without = await fetch(`http://127.0.0.1:${stage.port}${base}/meetings`);
  expect(without.headers.get('www-authenticate')).toBe('Bearer');
  expect(await problemOf(without)).toMatchObject({ status: 401, code: 'auth_failed' });
});

describe('[REST18] HEAD', () => {
  test('has the head of GET and no body, and holds nothing', async () => {
    const stage = await startHub();
    await post(stage, 'm', spoken('hello'));
    const paths = ['meetings', 'meetings/m', 'meetings/m/transcript?format=srt', 'search?q=hello', 'ping'];
    for (const path of paths) {
      const [get, head] = [await ask(stage, path), await ask(stage, path, { method: 'HEAD' })];
      expect([head.status, await head.text()]).toEqual([200, '']);
      for (const name of ['content-type', 'content-length', 'cache-control'])
        expect(head.headers.get(name)).toBe(get.headers.get(name));
    }
    const stream = await ask(stage, 'meetings/m/events', { method: 'HEAD' });
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    await vi.waitFor(
      async () => expect(await (await stage.get('ws/stats')).json()).toMatchObject({ subscribers: 0 }),
      soon,
    );
  });

  test('the same through fetch, and DELETE too', async () => {
    const stage = await startHub();
    await post(stage, 'm', spoken('hello'));
    const headers = { authorization: `Bearer ${await mintToken(owner)}` };
    const call = (method: string, path: string) =>
      stage.hub.fetch(new Request(`http://hub${base}/${path}`, { method, headers }));
    for (const path of ['meetings', 'meetings/m/events', 'meetings/m/transcript?format=txt']) {
      const head = await call('HEAD', path);
      expect([head?.status, await head?.text()]).toEqual([200, '']);
    }
    expect(await call('GET', 'meetings/m/transcript?format=txt').then((answer) => answer?.text())).toBe(
      'hello\n',
    );
    expect((await call('DELETE', 'meetings/m'))?.status).toBe(204);
    await vi.waitFor(
      async () => expect(await (await stage.get('ws/stats')).json()).toMatchObject({ subscribers: 0 }),
      soon,
    );
  });
});

describe('[REST14] [REST15] posted events', () => {
  test('reach the sockets like any other, in order', async () => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    const partial = await post(stage, 'm', { ...spoken('hel'), type: 'transcript.partial', speaker: 'Ayşe' });
    expect(partial).toEqual({ meeting_id: 'm', segment_no: 1 });
    await viewer.until('transcript.partial');
    expect(await post(stage, 'm', spoken('hello', 0, { segment_no: 1, meta: { source: 'mic' } }))).toEqual({
      meeting_id: 'm',
      seq: 1,
      segment_no: 1,
    });
    await post(stage, 'm', { type: 'ai.tip', tip: 'ask', category: null });
    await post(stage, 'm', { type: 'summary', summary: 'all said', action_items: ['go'] });
    await post(stage, 'm', spoken('hello there', 0, { revises: 1 }));
    await post(stage, 'm', { type: 'status', status: 'completed', message: 'done' });
    await viewer.status('completed');
    expect(viewer.seqs).toEqual([1, 2, 3, 4, 5]);
    expect(viewer.of('transcript.final').map(({ text, segment_no }) => [segment_no, text])).toEqual([
      [1, 'hello'],
      [2, 'hello there'],
    ]);
    expect(viewer.undecodable).toEqual([]);
    expect((await stage.transcript('m')).map(({ text }) => text)).toEqual(['hello there']);
  });

  test('a final that is posted twice is there once', async () => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    const final = spoken('once', 0, { segment_no: 1 });
    expect(await post(stage, 'm', final)).toEqual(await post(stage, 'm', final));
    await post(stage, 'm', { type: 'status', status: 'completed' });
    await viewer.status('completed');
    expect(viewer.seqs).toEqual([1, 2]);
  });

  test('a segment never takes the number of a sender who is live', async () => {
    const stage = await startHub();
    const numbers = new Set<number | undefined>();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => post(stage, 'm', spoken(`${at}`, at))),
    );
    for (const { segment_no } of answers) numbers.add(segment_no);
    expect(numbers.size).toBe(20);
    expect((await stage.transcript('m')).length).toBe(20);
  });

  test('a client that leaves in the middle of its body is no failure of the hub', async () => {
    const stage = await startHub();
    const socket = new RawSocket(stage.port);
    const auth = `authorization: Bearer ${await mintToken()}`;
    socket.send(
      `POST ${base}/meetings/m/events HTTP/1.1\r\nhost: hub\r\n${auth}\r\ncontent-length: 99\r\n\r\n{"a`,
    );
    socket.send('x');
    await stage.get('ping');
    socket.vanish('rst');
    await socket.ended;
    await stage.get('ping');
    expect(stage.observed.filter(({ type }) => type === 'error')).toEqual([]);
  });
});

test('[REST4] a page never shows what a viewer who goes on from its seq gets again', async () => {
  const store = memoryStore();
  const head = store.head.bind(store);
  const stage = await startHub({ store });
  const meeting = stage.hub.meeting({ tenant: 'acme', id: 'm' });
  await meeting.final({ text: 'first', startMs: 0, endMs: 1, segmentNo: 1 });
  store.head = async (ref) => {
    const before = await head(ref);
    await meeting.final({ text: 'meanwhile', startMs: 1, endMs: 2, segmentNo: 2 });
    return before;
  };
  const page = TranscriptPage.parse(await (await stage.get('meetings/m/transcript')).json());
  expect([page.seq, page.segments.map(({ text }) => text), page.next]).toEqual([1, ['first'], null]);
});
