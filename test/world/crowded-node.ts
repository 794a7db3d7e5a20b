import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Regtest } from '../../src/chain/regtest/regtest.ts';
import { answerBody, type Method, type Methods } from '../../src/chain/regtest/rpc.ts';
import { writeJson } from '../../src/chain/regtest/rpc-json.ts';
import { methodsFor } from '../../src/chain/regtest/rpc-methods.ts';
import { amount } from '../../src/core/base/amount.ts';
import { bytesToHex, type TxId, txId } from '../../src/core/base/bytes.ts';
import { encodeTransaction, type Outpoint, type Transaction, transactionId } from '../../src/core/tx/transaction.ts';

/** Of the usual shape: from one P2PKH output to two others. */
function transfer(outpoint: Outpoint): Transaction {
  const script = Uint8Array.from([0x76, 0xa9, 20, ...new Uint8Array(20).fill(7), 0x88, 0xac]);
  const output = { value: amount(100_000_000n), script };
  return { version: 1, inputs: [{ outpoint, script: new Uint8Array(107), sequence: 0xffff_ffff }], outputs: [output, output], lockTime: 0 };
}

/** So many transactions of strangers, as hex, by their ids. */
export function strangers(count: number): ReadonlyMap<TxId, string> {
  const made = Array.from({ length: count }, (_, i) => transfer({ txid: txId(`d${i.toString(16).padStart(63, '0')}`), vout: 0 }));
  return new Map(made.map((transaction) => [transactionId(transaction), bytesToHex(encodeTransaction(transaction))]));
}

export interface CrowdedNode {
  readonly url: string;
  /** How many of the strangers' transactions it was asked for. */
  readonly asked: () => number;
  readonly close: () => Promise<void>;
}

/** The node of an embedded chain, in whose mempool are transactions of strangers besides. `held`: it answers for them once that is over. */
export async function crowdedNode(
  regtest: Regtest,
  crowd: ReadonlyMap<TxId, string>,
  held: (asked: number) => Promise<unknown> | undefined = () => undefined,
): Promise<CrowdedNode> {
  let asked = 0;
  const methods: Methods = {
    ...methodsFor(regtest),
    getrawmempool: changed(regtest, 'getrawmempool', (answer) =>
      Array.isArray(answer()) ? [...regtest.mempool(), ...crowd.keys()] : answer(),
    ),
    getrawtransaction: changed(regtest, 'getrawtransaction', (answer, first) => {
      const hex = crowd.get(txId(String(first)));
      if (hex === undefined) return answer();
      asked++;
      return hex;
    }),
  };
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const { status, body: answer } = answerBody({ regtest, relay: 'local' }, methods, body);
    await held(asked);
    response.writeHead(status, { 'content-type': 'application/json' }).end(writeJson(answer));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return assert.fail();
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  };
  return { url: `http://127.0.0.1:${bound.port}`, asked: () => asked, close };
}

type Answered = ReturnType<Method['answer']>;

function changed(regtest: Regtest, name: string, change: (answer: () => Answered, first: unknown) => Answered): Method {
  const method = methodsFor(regtest)[name] ?? assert.fail(name);
  return { ...method, answer: (context, params) => change(() => method.answer(context, params), params.at(0)) };
}
