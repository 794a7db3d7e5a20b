import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { inspect } from 'node:util';
import { type FakeAnswer, type FakeNode, type FakeNodeOptions, fakeNode } from '../../test/world/fake-node.ts';
import { type WorldCode, WorldError } from '../engine/ports.ts';
import { broadcastOutcome } from './broadcast-outcome.ts';
import type { Post } from './http-post.ts';
import { JsonNumber } from './json-number.ts';
import { RpcError, rpcClient } from './json-rpc.ts';

const opened: FakeNode[] = [];
afterEach(async () => {
  for (const node of opened.splice(0)) await node.close();
});
async function start(answer: (method: string, parameters: readonly unknown[]) => FakeAnswer, options?: FakeNodeOptions): Promise<FakeNode> {
  const node = await fakeNode(answer, options);
  opened.push(node);
  return node;
}

const fails =
  (code: WorldCode, message: RegExp, hint = /./) =>
  (error: unknown): boolean => {
    assert(error instanceof WorldError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(error.hint, hint);
    return true;
  };

test('gives the result with its numbers as they were written', async () => {
  const { url, lastParameters } = await start(() => '{"value":90071993.12345679}');
  assert.deepEqual(await rpcClient({ url })('gettxout', 'aa', 1, true), { value: new JsonNumber('90071993.12345679') });
  assert.deepEqual(lastParameters('gettxout'), ['aa', 1, true]);
});

test("the node's own refusal is an RpcError with its code, alone and in a batch", async () => {
  const { url } = await start((method) => (method === 'getblockcount' ? '7' : { code: -8, message: 'Block height out of range' }));
  const rpc = rpcClient({ url });
  const refused = { name: 'RpcError', code: -8, message: 'Block height out of range' };
  await assert.rejects(rpc('getblockhash', 99), refused);
  const [height, hash] = await Promise.allSettled([rpc('getblockcount'), rpc('getblockhash', 99)]);
  assert.deepEqual(height, { status: 'fulfilled', value: new JsonNumber('7') });
  assert(hash.status === 'rejected' && hash.reason instanceof RpcError && hash.reason.code === -8);
});

test('an unknown method comes with status 404 and is an RpcError as well', async () => {
  const { url } = await start(() => ({ code: -32601, message: 'Method not found' }));
  await assert.rejects(rpcClient({ url })('testmempoolaccept'), { name: 'RpcError', code: -32601 });
});

test('the calls of one turn share a request, 100 at most; each gets its own answer', async () => {
  const { url, requests } = await start((_method, [n]) => `${n}`);
  const rpc = rpcClient({ url });
  const numbers = Array.from({ length: 130 }, (_, i) => i);
  assert.deepEqual(
    await Promise.all(numbers.map((n) => rpc('echo', n))),
    numbers.map((n) => new JsonNumber(String(n))),
  );
  await rpc('echo', 1);
  assert.deepEqual(
    requests.map(({ length }) => length).toSorted((a, b) => a - b),
    [1, 30, 100],
  );
});

test('answers are matched by id, also when a node turns their order round', async () => {
  const { url } = await start(() => 'null', {
    http: (response) => response.end('[{"result":"second","error":null,"id":1},{"result":"first","error":null,"id":0}]'),
  });
  const rpc = rpcClient({ url });
  assert.deepEqual(await Promise.all([rpc('a'), rpc('b')]), ['first', 'second']);
});

test('a call that a batch leaves unanswered fails alone', async () => {
  const { url } = await start(() => 'null', { http: (response) => response.end('[{"result":"first","error":null,"id":0}]') });
  const rpc = rpcClient({ url });
  const [first, second] = await Promise.allSettled([rpc('a'), rpc('b')]);
  assert.deepEqual(first, { status: 'fulfilled', value: 'first' });
  assert(second.status === 'rejected' && fails('node-refused', /did not answer b/)(second.reason));
});

test('a batch that the node refuses as a whole fails every call', async () => {
  const { url } = await start(() => 'null', {
    http: (response) => response.writeHead(500).end('{"result":null,"error":{"code":-32700,"message":"Parse error"},"id":null}'),
  });
  const rpc = rpcClient({ url });
  for (const result of await Promise.allSettled([rpc('a'), rpc('b')])) {
    assert(result.status === 'rejected' && result.reason instanceof RpcError && result.reason.code === -32700);
  }
});

test('user and password are sent, from the options or the address, and a wrong one is named', async () => {
  const { url } = await start(() => '1', { credentials: 'ann:s3cr€t' });
  const one = new JsonNumber('1');
  assert.deepEqual(await rpcClient({ url, auth: { kind: 'password', user: 'ann', password: 's3cr€t' } })('getblockcount'), one);
  const address = url.replace('//', `//ann:${encodeURIComponent('s3cr€t')}@`);
  assert.deepEqual(await rpcClient({ url: address })('getblockcount'), one);
  const wrong = rpcClient({ url: url.replace('//', '//ann:hunter2@') })('getblockcount');
  await assert.rejects(wrong, fails('node-refused', /refused the password/, /rpcuser.*cookie/));
  await assert.rejects(wrong, (error: Error) => !error.message.includes('hunter2'));
  await assert.rejects(rpcClient({ url })('getblockcount'), fails('node-refused', /refused the password/));
});

test('however much a node says, only its first words are passed on', async () => {
  const long = 'x'.repeat(100_000);
  const saying = (text: string, status: number) =>
    rpcClient({ url: 'http://h', post: async () => ({ text, status }), pause: async () => undefined })('getblockcount');
  const isShort = (error: unknown): boolean => error instanceof Error && error.message.includes('xxx') && error.message.length < 2_000;
  await assert.rejects(saying(long, 503), isShort);
  await assert.rejects(saying(JSON.stringify({ result: null, error: { code: -26, message: long }, id: 0 }), 500), isShort);
});

test('a per cent sign in an address that stands for nothing stands for itself', async () => {
  const sent: (string | undefined)[] = [];
  const post: Post = async (_, { headers: { authorization } }) => {
    sent.push(authorization);
    return { status: 200, text: '{"result":1,"error":null,"id":0}' };
  };
  for (const url of ['http://ann:s%203@h', 'http://100%:%zz@h']) await rpcClient({ url, post })('getblockcount');
  assert.deepEqual(
    sent.map((value) => Buffer.from(value?.split(' ')[1] ?? '', 'base64').toString()),
    ['ann:s 3', '100%:%zz'],
  );
});

test('a cookie file is read anew each time: it changes when the node starts', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pawment-cookie-'));
  const file = join(folder, '.cookie');
  const { url } = await start(() => '1', { credentials: '__cookie__:second' });
  const rpc = rpcClient({ url, auth: { kind: 'cookie', file } });
  await assert.rejects(rpc('getblockcount'), fails('node-down', /can't be read/, /Start the node/));
  await writeFile(file, '__cookie__:first\n');
  await assert.rejects(rpc('getblockcount'), fails('node-refused', /password/));
  await writeFile(file, '__cookie__:second\n');
  assert.deepEqual(await rpc('getblockcount'), new JsonNumber('1'));
  await rm(folder, { recursive: true });
});

test('nobody listening is node-down', async () => {
  const gone = await start(() => '1');
  await gone.close();
  await assert.rejects(rpcClient({ url: gone.url })('getblockcount'), fails('node-down', /ECONNREFUSED/, /Start the node/));
});

test('silence is node-down after the timeout', async () => {
  const { url } = await start(() => '1', { http: () => undefined });
  await assert.rejects(rpcClient({ url, timeout: 20 })('getblockcount'), fails('node-down', /no answer within 20 ms/));
});

test('an answer that stops in its middle is node-down after the timeout', async () => {
  const { url } = await start(() => '1', {
    http: (response) => void response.writeHead(200, { 'content-length': 1000 }).write('{"result":'),
  });
  await assert.rejects(rpcClient({ url, timeout: 50 })('getblockcount'), fails('node-down', /no answer within 50 ms/));
});

test('a connection cut in the middle of an answer is node-down', async () => {
  const { url } = await start(() => '1', {
    http: (response) => response.writeHead(200, { 'content-length': 1000 }).write('{"result":', () => response.destroy()),
  });
  await assert.rejects(rpcClient({ url })('getblockcount'), fails('node-down', /can't be reached/));
});

test('a connection that the node closes between two answers is made anew; one that it cuts at once is node-down', async () => {
  for (const cut of [2, 1]) {
    let asked = 0;
    const { url } = await start(() => '1', {
      http: (response) => {
        if (++asked === cut) response.socket?.destroy();
        else response.end('{"result":1,"error":null,"id":0}');
      },
    });
    const rpc = rpcClient({ url });
    if (cut === 1) await assert.rejects(rpc('getblockcount'), fails('node-down', /can't be reached/));
    else for (let i = 0; i < 3; i++) assert.deepEqual(await rpc('getblockcount'), new JsonNumber('1'));
    assert.equal(asked, cut === 1 ? 1 : 4);
  }
});

test('a name none of whose addresses answers is node-down, and one of them is named', async () => {
  const post: Post = async () => {
    throw new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('connect ECONNREFUSED 127.0.0.1:1')]);
  };
  await assert.rejects(
    rpcClient({ url: 'http://localhost:1', post })('getblockcount'),
    fails('node-down', /reached: connect ECONNREFUSED ::1/),
  );
});

test('a node that is still starting is node-down, alone and in a batch', async () => {
  const { url } = await start(() => ({ code: -28, message: 'Loading block index...' }));
  const rpc = rpcClient({ url });
  const starting = fails('node-down', /starting: Loading block index/, /Wait/);
  await assert.rejects(rpc('getblockcount'), starting);
  for (const result of await Promise.allSettled([rpc('a'), rpc('b')])) assert(result.status === 'rejected' && starting(result.reason));
});

test('each refusal of HTTP has its reason and hint', async () => {
  for (const [status, body, code, message, hint] of [
    [403, '', 'node-refused', /refused this machine/, /rpcallowip/],
    [200, '<html>', 'node-refused', /but not with JSON-RPC/, /RPC port/],
    [404, '', 'node-refused', /answered 404/, /RPC port/],
    [200, '{"result":1}x', 'node-refused', /not with JSON-RPC/, /RPC port/],
    [200, '{"error":"no"}', 'node-refused', /not with JSON-RPC/, /RPC port/],
    [302, '', 'node-refused', /answered 302/, /RPC port/],
  ] as const) {
    const { url } = await start(() => '1', { http: (response) => response.writeHead(status, { location: '/' }).end(body) });
    await assert.rejects(rpcClient({ url })('getblockcount'), fails(code, message, hint), `${status} ${body}`);
  }
});

const YES = '{"result":1,"error":null,"id":0}';

/** A client whose requests get these answers in turn, the last one for ever. */
function answered(answers: readonly { readonly status: number; readonly text: string }[], url = 'http://h') {
  const pauses: number[] = [];
  let asked = 0;
  const rpc = rpcClient({
    url,
    post: async () => answers[Math.min(asked++, answers.length - 1)] ?? assert.fail(),
    pause: async (milliseconds) => void pauses.push(milliseconds),
  });
  return { rpc, pauses };
}

const busy = [
  { status: 503, text: 'Work queue depth exceeded' },
  { status: 500, text: 'Work queue depth exceeded\r\n' },
  { status: 429, text: '{"error":{"code":-32005,"message":"limit exceeded"}}' },
  { status: 502, text: '<html><h1>502 Bad Gateway</h1></html>' },
  { status: 504, text: '' },
  { status: 520, text: '<!DOCTYPE html>' },
  { status: 408, text: '' },
];

test('who is busy is asked again, and again after longer; whoever stays busy is node-down', async () => {
  for (const answer of busy) {
    const passing = answered([answer, answer, { status: 200, text: YES }]);
    assert.deepEqual(await passing.rpc('getblockcount'), new JsonNumber('1'), `${answer.status}`);
    assert.deepEqual(passing.pauses, [200, 600]);
    await assert.rejects(answered([answer]).rpc('getblockcount'), fails('node-down', new RegExp(`busy \\(${answer.status}\\)`), /Wait/));
  }
});

/** A client of a gateway that says after so many milliseconds that it is too busy, and how long each try was given. */
function slow(takes: number, timeout?: number) {
  let time = 0;
  const given: number[] = [];
  const never = new AbortController().signal;
  const rpc = rpcClient({
    url: 'http://h',
    ...(timeout === undefined ? {} : { timeout }),
    now: () => time,
    expiry: (milliseconds) => {
      given.push(milliseconds);
      return never;
    },
    pause: async (milliseconds) => {
      time += milliseconds;
    },
    post: async () => {
      time += Math.min(takes, given.at(-1) ?? assert.fail());
      return { status: 504, text: '' };
    },
  });
  return { rpc, given, time: () => time };
}

test('all tries of a request have one deadline: a gateway that says just before it that it is busy is not waited for four times', async () => {
  for (const [takes, given] of [
    [59_000, [60_000, 800]],
    [59_900, [60_000]],
    [25_000, [60_000, 34_800, 9_200]],
    [10, [60_000, 59_790, 59_180, 57_370]],
  ] as const) {
    const gateway = slow(takes);
    await assert.rejects(gateway.rpc('getblockcount'), fails('node-down', /busy \(504\)/));
    assert.deepEqual(gateway.given, given, `${takes}`);
    assert.ok(gateway.time() <= 60_000, `${gateway.time()}`);
  }
  const hasty = slow(2_900, 3_000);
  await assert.rejects(hasty.rpc('getblockcount'), fails('node-down', /busy/));
  assert.equal(hasty.time(), 2_900);
});

test('what has answered as a node does has a bad moment when it says something else; what never has is none', async () => {
  const page = { status: 200, text: '<html>please wait</html>' };
  const { rpc, pauses } = answered([{ status: 200, text: YES }, page, { status: 200, text: YES }]);
  for (let i = 0; i < 2; i++) assert.deepEqual(await rpc('getblockcount'), new JsonNumber('1'));
  assert.deepEqual(pauses, [200]);
  await assert.rejects(answered([page]).rpc('getblockcount'), fails('node-refused', /but not with JSON-RPC/));
});

test('path and query of an address are sent', async () => {
  const asked: string[] = [];
  const post: Post = async (url) => {
    asked.push(url);
    return { status: 200, text: YES };
  };
  for (const url of ['http://h/v2/k3y-in-path', 'http://h:1/?key=s3cret&x=1', 'http://h']) await rpcClient({ url, post })('getblockcount');
  assert.deepEqual(asked, ['http://h/v2/k3y-in-path', 'http://h:1/?key=s3cret&x=1', 'http://h/']);
});

test('no word about a failure has a secret in it, however it comes back', async () => {
  const secrets = ['p@ss/w\u00f6rd "1"', 'k3y-in-path', 's3cret+in query'];
  const [password = '', path = '', query = ''] = secrets;
  const url = `http://ann:${encodeURIComponent(password)}@h/v2/${path}?key=${encodeURIComponent(query)}`;
  const forms = secrets.flatMap((text) => [
    text,
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
    Buffer.from(text).toString('base64'),
    Buffer.from(text).toString('base64url'),
    Buffer.from(text).toString('hex'),
    new URLSearchParams({ text }).toString().slice('text='.length),
  ]);
  const authorization = Buffer.from(`ann:${password}`).toString('base64');
  const echo = [...forms, authorization, url].join(' | ');
  const answers = [
    { status: 503, text: echo },
    { status: 401, text: echo },
    { status: 403, text: echo },
    { status: 404, text: echo },
    { status: 500, text: JSON.stringify({ result: null, error: { code: -1, message: echo }, id: 0 }) },
    { status: 500, text: JSON.stringify({ result: null, error: { code: -28, message: echo }, id: 0 }) },
  ];
  const failures = await Promise.allSettled([
    ...answers.map((answer) => answered([answer], url).rpc('getblockcount')),
    rpcClient({ url, post: () => Promise.reject(new Error(echo)) })('getblockcount'),
  ]);
  for (const failure of failures) {
    assert(failure.status === 'rejected');
    const said = inspect(failure.reason, { depth: null });
    for (const form of [...forms, authorization]) assert(!said.includes(form), `${form} in ${said}`);
  }
});

test('what the node means is read from what it said, not from what may be shown of that', async () => {
  for (const [said, kind] of [
    ['txn-already-in-mempool', 'already-known'],
    ['66: mempool min fee not met', 'fee-too-low'],
    ['258: txn-mempool-conflict', 'conflict'],
  ] as const) {
    const { rpc } = answered(
      [{ status: 500, text: JSON.stringify({ result: null, error: { code: -26, message: said }, id: 0 }) }],
      'http://ann:mempool@h',
    );
    const refused = await rpc('sendrawtransaction', '00').catch((error: unknown) => error);
    assert(refused instanceof RpcError);
    assert.equal(broadcastOutcome(refused)?.kind, kind);
    assert(!inspect([refused, broadcastOutcome(refused)], { depth: null, showHidden: true }).includes('mempool'));
  }
});
