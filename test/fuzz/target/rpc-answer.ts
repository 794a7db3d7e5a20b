import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { coreRpc } from '../../../src/chain/core-rpc.ts';
import type { Post } from '../../../src/chain/http-post.ts';
import { createRegtest, type Regtest } from '../../../src/chain/regtest/regtest.ts';
import { answerBody } from '../../../src/chain/regtest/rpc.ts';
import { writeJson as writeNodeJson } from '../../../src/chain/regtest/rpc-json.ts';
import { methodsFor } from '../../../src/chain/regtest/rpc-methods.ts';
import { amount, isAmount } from '../../../src/core/base/amount.ts';
import { isTxId, txId } from '../../../src/core/base/bytes.ts';
import { height, isHeight } from '../../../src/core/base/height.ts';
import { dogecoinRegtest } from '../../../src/core/coin/dogecoin.ts';
import { encodeTransaction, type Outpoint, type Transaction, transactionId } from '../../../src/core/tx/transaction.ts';
import type { Chain } from '../../../src/engine/ports.ts';
import { fastestVerifier } from '../../../src/engine/verifier.ts';
import { mutateJson } from '../http.ts';
import { type Json, readJson, writeJson } from '../json.ts';
import { type Mutate, mutateBytes } from '../mutate.ts';
import { ACCEPTED, type Outcome, orWorldError, type Target, textOf, utf8 } from '../target.ts';

const coin = dogecoinRegtest;
/** A node that is busy is asked again at once. */
const pause = async (): Promise<void> => undefined;
const { verify } = await fastestVerifier();
const regtest: Regtest = createRegtest({ coin, now: () => 1_700_000_000_000, verify });
regtest.mine(130);
/** A block with a coinbase, and a transaction that spends. */
const AT = height(131);
const mined = transactionIn(5);
for (const blocks of [1, 0]) {
  regtest.fund(regtest.newAddress(), amount(100_000_000n));
  regtest.mine(blocks);
}
const [waiting = ''] = regtest.mempool();

function transactionIn(at: number): Transaction {
  return regtest.block(height(at))?.transactions[0]?.transaction ?? assert.fail('a block has a coinbase');
}

function outputOf(transaction: Transaction): Outpoint {
  return { txid: transactionId(transaction), vout: 0 };
}

/** Everything that can be asked, and what has to hold of an answer. */
const asks: readonly ((chain: Chain) => Promise<Outcome>)[] = [
  async (chain) => {
    const tip = await chain.tip();
    assert.ok(isHeight(tip.height) && isTxId(tip.hash));
    return ACCEPTED;
  },
  async (chain) => {
    const { tip, headers, medianTime } = await chain.status();
    assert.ok(isHeight(tip.height) && isTxId(tip.hash) && Number.isFinite(headers) && Number.isFinite(medianTime));
    return ACCEPTED;
  },
  async (chain) => {
    const block = await chain.block(AT);
    if (block === undefined) return { code: 'absent' };
    assert.ok(isTxId(block.hash) && isTxId(block.previous) && block.height === AT);
    for (const { txid, transaction } of block.transactions) assert.equal(transactionId(transaction), txid);
    return ACCEPTED;
  },
  async (chain) => {
    const output = await chain.output(outputOf(mined));
    if (output === undefined) return { code: 'absent' };
    assert.ok(isAmount(output.value) && Number.isSafeInteger(output.depth) && output.depth >= 0, `depth ${output.depth}`);
    return ACCEPTED;
  },
  (chain) => found(chain, waiting),
  (chain) => found(chain, transactionId(mined)),
  async (chain) => {
    assert.ok((await chain.mempool()).every(isTxId));
    return ACCEPTED;
  },
  async (chain) => {
    const { kind } = await chain.broadcast(mined);
    return kind === 'accepted' ? ACCEPTED : { code: kind };
  },
  async (chain) => {
    const rate = await chain.feeRate();
    assert.ok(rate >= coin.policy.feeRate && rate <= coin.policy.feeRate * 100n);
    return ACCEPTED;
  },
  async (chain) => {
    const transaction = await chain.unconfirmed(txId(waiting));
    if (transaction === undefined) return { code: 'absent' };
    encodeTransaction(transaction);
    return ACCEPTED;
  },
];

async function found(chain: Chain, txid: string): Promise<Outcome> {
  const known = await chain.transaction(txId(txid));
  if (known === undefined) return { code: 'absent' };
  assert.ok(Number.isSafeInteger(known.depth) && known.depth >= 0, `depth ${known.depth}`);
  encodeTransaction(known.transaction);
  return ACCEPTED;
}

const requests = z.object({ method: z.string(), params: z.array(z.unknown()), id: z.number() });
type Request = z.infer<typeof requests>;

function readRequests(body: string): readonly Request[] {
  const json: unknown = JSON.parse(body);
  return z.array(requests).parse(Array.isArray(json) ? json : [json]);
}

/** How many requests one question may lead to: five tries, of which one may ask for each of 64 outputs. */
const MOST_CALLS = 5 * 68 + 1;

/** Answers as the input has it: by method, one after the other, the last for ever. */
function scripted(input: Json): Post {
  const counts = new Map<string, number>();
  let asked = 0;
  return async (_, { body }) => {
    const sent = readRequests(body);
    asked += sent.length;
    assert.ok(asked <= MOST_CALLS, `${asked} calls`);
    const raw = at(input, 'raw');
    const status = Number(textIn(at(input, 'status')) || 200);
    if (raw?.kind === 'string') return { status, text: raw.text };
    const answers = sent.map(({ method, params, id }) => {
      if (method === 'getblockhash' && params[0] === 0 && at(input, 'genesis') === undefined)
        return `{"result":"${coin.genesis}","error":null,"id":${id}}`;
      const list = at(at(input, 'answers'), method);
      const count = counts.get(method) ?? 0;
      counts.set(method, count + 1);
      const one = list?.kind === 'array' ? (list.items[count] ?? list.items.at(-1)) : list;
      return numbered(one ?? { kind: 'raw', text: 'null' }, id);
    });
    return { status, text: Array.isArray(JSON.parse(body)) ? `[${answers.join()}]` : (answers[0] ?? '') };
  };
}

function at(json: Json | undefined, key: string): Json | undefined {
  return json?.kind === 'object' ? json.entries.find(([name]) => name === key)?.[1] : undefined;
}

function textIn(json: Json | undefined): string {
  return json?.kind === 'raw' || json?.kind === 'string' ? json.text : '';
}

/** With the id of its request, unless it has one of its own. */
function numbered(answer: Json, id: number): string {
  if (answer.kind !== 'object' || at(answer, 'id') !== undefined) return writeJson(answer);
  return writeJson({ kind: 'object', entries: [...answer.entries, ['id', { kind: 'raw', text: String(id) }]] });
}

/** What the embedded node says to a question, as an input. */
async function recorded(ask: number): Promise<Uint8Array> {
  const answers = new Map<string, string[]>();
  const methods = methodsFor(regtest);
  const post: Post = async (_, { body }) => {
    const texts = readRequests(body).map((request) => {
      const text = writeNodeJson(answerBody({ regtest, relay: 'local' }, methods, JSON.stringify(request)).body);
      if (request.params[0] !== 0) answers.set(request.method, [...(answers.get(request.method) ?? []), text.replace(/,"id":\d+\}$/, '}')]);
      return text;
    });
    return { status: 200, text: Array.isArray(JSON.parse(body)) ? `[${texts.join()}]` : (texts[0] ?? '') };
  };
  await asks[ask]?.(coreRpc(coin, { url: 'http://node.example', post, pause }));
  return utf8(`{"ask":${ask},"answers":{${[...answers].map(([method, texts]) => `"${method}":[${texts.join()}]`).join()}}}`);
}

function goldenAnswer(ask: number, method: string, file: string, before = ''): Uint8Array {
  const text = readFileSync(new URL(`../../golden/rpc/${file}`, import.meta.url), 'utf8').trim();
  return utf8(
    `{"ask":${ask},"answers":{"getblockhash":[{"result":"${coin.genesis}","error":null}],"${method}":[${before}{"result":${text},"error":null}]}}`,
  );
}

const NONE = '{"result":null,"error":{"code":-5,"message":"No such mempool transaction"}}';
/** A later node's: the transaction is found by one of its outputs. */
function later(): Uint8Array {
  const { id, hash } = { id: transactionId(mined), hash: regtest.block(height(5))?.hash };
  const output = `{"bestblock":"${hash}","confirmations":3,"value":5e5,"scriptPubKey":{"hex":"51"},"coinbase":true}`;
  const transaction = `{"txid":"${id}","hex":"${Buffer.from(encodeTransaction(mined)).toString('hex')}","version":1,"locktime":0,"vin":[],"vout":[],"confirmations":3}`;
  return utf8(
    `{"ask":5,"answers":{"getrawtransaction":[${NONE},{"result":${transaction},"error":null}],"gettxout":[{"result":${output},"error":null}],"getblockheader":[{"result":{"height":130},"error":null}],"getblockhash":[{"result":"${hash}","error":null}]}}`,
  );
}

const refusals = [
  ...[
    [-26, 'txn-mempool-conflict'],
    [-25, 'Missing inputs'],
    [-27, 'transaction already in block chain'],
    [-26, '66: insufficient priority'],
  ],
  ...[
    [-26, 'min relay fee not met'],
    [-26, '64: dust'],
    [-22, 'TX decode failed'],
    [-28, 'Loading block index...'],
    [-8, 'Block height out of range'],
    [-27, 'txn-already-in-mempool'],
    [-1, 'Block not available (pruned data)'],
  ],
].flatMap(([code, message]) => [7, 2].map((ask) => refusedAs(ask, `{"result":null,"error":{"code":${code},"message":"${message}"}}`)));

function refusedAs(ask: number, answer: string): Uint8Array {
  const hash = answer.includes('pruned') ? `{"result":"${coin.genesis}"}` : answer;
  return utf8(`{"ask":${ask},"answers":{"sendrawtransaction":[${answer}],"getblockhash":[${hash}],"getblock":[${answer}]}}`);
}

const more = [
  [0, 'getblockchaininfo', '{"blocks":1,"headers":9,"bestblockhash":"HASH","mediantime":1,"initialblockdownload":true}'],
  [2, 'getblock', '{"hash":"HASH","height":5,"confirmations":-1,"tx":[]}'],
  [3, 'gettxout', 'null'],
  [2, 'getblock', '{"hash":"HASH","height":5,"confirmations":1,"tx":[{"txid":"HASH","version":1,"locktime":0,"vin":[],"vout":[]}]}'],
  [8, 'estimatesmartfee', '{"feerate":-1,"blocks":2}'],
  [8, 'estimatesmartfee', '{"feerate":1e-7,"blocks":2}'],
  [8, 'estimatesmartfee', '{"feerate":77.5,"blocks":2}'],
  [8, 'estimatesmartfee', '{"blocks":2}'],
].map(([ask, method, result]) =>
  utf8(
    `{"ask":${ask},"answers":{"getblockhash":[{"result":"${coin.genesis}"}],"${method}":[{"result":${String(result).replace('HASH', coin.genesis)}}]}}`,
  ),
);

const fronts = [401, 403, 503, 500, 200].flatMap((status) =>
  ['', 'Work queue depth exceeded', '<html>', '[]', '{"error":null}'].map((raw) => utf8(JSON.stringify({ ask: 0, status, raw }))),
);

/** Changes what is answered. A text that is no JSON any more is the whole of every answer. */
const mutate: Mutate = (input, chance, other) => {
  const [json, donor] = [readJson(textOf(input)), readJson(textOf(other))];
  const [asked, raw] = [textIn(at(json, 'ask')), at(json, 'raw')];
  const ask = chance.happens(0.05) ? chance.int(asks.length) : Number(asked);
  if (raw?.kind === 'string') {
    const text = textOf(mutateBytes(utf8(raw.text), chance, other));
    return utf8(JSON.stringify({ ask, status: chance.pick([200, 200, 401, 403, 404, 500, 503]), raw: text }));
  }
  const answers = (of: Json | undefined): Uint8Array => utf8(writeJson(at(of, 'answers') ?? { kind: 'object', entries: [] }));
  const made = textOf(mutateJson(answers(json), chance, answers(donor)));
  if (readJson(made) === undefined) return utf8(JSON.stringify({ ask, raw: made.replace(/^\{"\w+":\[|\]\}$/g, '') }));
  const genesis = chance.happens(0.02) ? ',"genesis":1' : '';
  return utf8(`{"ask":${ask},"answers":${made}${genesis}}`);
};

/** What a node answers, and what is in its place: the port's answers have their shape, or the world fails. */
export const rpcAnswer: Target = {
  name: 'rpc-answer',
  files: ['rpc-answers', 'core-rpc', 'json-number', 'broadcast-outcome', 'json-rpc'].map((name) => `chain/${name}.ts`),
  corpus: [
    ...(await Promise.all(asks.map((_, ask) => recorded(ask)))),
    ...[goldenAnswer(2, 'getblock', 'dogecoin-block-0.json'), goldenAnswer(2, 'getblock', 'litecoin-block.json')],
    ...[goldenAnswer(4, 'getrawtransaction', 'litecoin-extension-transaction.json'), goldenAnswer(3, 'gettxout', 'litecoin-gettxout.json')],
    // Bytes that don't give the id: it is read as the node prints it.
    goldenAnswer(9, 'getrawtransaction', 'litecoin-extension-transaction.json', '{"result":"00"},'),
    ...[goldenAnswer(1, 'getblockchaininfo', 'litecoin-getblockchaininfo.json'), later(), ...refusals, ...more, ...fronts],
  ],
  mutate,
  check: (input) => {
    const json = readJson(textOf(input));
    const ask = json === undefined ? undefined : asks[Number(textIn(at(json, 'ask')))];
    if (json === undefined || ask === undefined) return { code: 'no-question' };
    const status = Number(textIn(at(json, 'status')) || 200);
    if (!(status >= 200 && status < 600 && Number.isInteger(status)) || [204, 205, 304].includes(status)) return { code: 'no-question' };
    return orWorldError(() => ask(coreRpc(coin, { url: 'http://node.example', post: scripted(json), pause })));
  },
};
