import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { amount } from '../../../src/core/base/amount.ts';
import { bytesToHex, hexToBytes } from '../../../src/core/base/bytes.ts';
import { readScript } from '../../../src/core/tx/script.ts';
import { decodeTransaction, type Transaction } from '../../../src/core/tx/transaction.ts';
import { GOLDEN, type Recording } from './golden.ts';
import type { BitcoinjPeer } from './peer.ts';
import { RecordingProxy } from './proxy.ts';
import { World } from './world.ts';

// Writes what real bitcoinj peers say to each other into `test/golden/bitcoinj`, where it stays as it is for ever.
const KEY = '11'.repeat(32);
const VALUE = amount(500_000_000n);
const WINDOW = 14_400;
const PAYMENTS = [
  { size: 1_000_000n, info: '01' },
  { size: 2_345_678n, info: '' },
  { size: 10_000_000n, info: 'ff00fe' },
] as const;
const PREFIX = 'a0';

function transaction(hex: string): Transaction {
  const tx = decodeTransaction(hexToBytes(hex));
  if (tx === undefined) throw new Error('bitcoinj made a transaction that does not decode');
  return tx;
}

/** The script that signatures sign: the contract's output itself, or what its P2SH output is the hash of. */
function signedScript(version: number, contract: Transaction, refund: Transaction): Uint8Array | undefined {
  if (version === 1) return contract.outputs[0]?.script;
  const last = readScript(refund.inputs[0]?.script ?? new Uint8Array())?.at(-1);
  return last instanceof Uint8Array ? last : undefined;
}

async function record(version: 1 | 2): Promise<Recording> {
  await using world = await World.start();
  await using payee = await world.peer('payee');
  await using payer = await world.peer('payer');
  const funding = await world.fund(payer, amount(2n * VALUE));
  await using proxy = await RecordingProxy.start(await payee.listen({ level: 'protocol', prefix: PREFIX }));
  const { contract } = await payer.connect({
    level: 'protocol',
    port: proxy.port,
    version: `VERSION_${version}`,
    key: KEY,
    value: VALUE,
    window: WINDOW,
  });
  await payee.next('broadcast');
  const stored = (await payer.channels()).payer[0];
  const payments = [await best(payee)];
  for (const { size, info } of PAYMENTS) {
    await payer.pay(size, info === '' ? undefined : info);
    payments.push(await best(payee));
  }
  const privateKey = (await payee.channels()).payee[0]?.key;
  await payer.settle();
  const settlement = await payee.next('broadcast');
  await payer.next('closed');
  if (stored?.serverKey === undefined || privateKey === undefined) throw new Error('bitcoinj has stored no channel');
  const script = signedScript(version, transaction(stored.contractHex), transaction(stored.refundHex));
  if (script === undefined || settlement.refusal !== undefined) throw new Error(`nothing to record: ${settlement.refusal}`);
  return {
    coin: world.coin.id,
    version,
    clock: world.seconds,
    window: WINDOW,
    expiry: stored.expiry,
    capacity: VALUE.toString(),
    payer: { private: KEY, public: stored.key },
    payee: { private: privateKey, public: stored.serverKey },
    funding,
    contract: stored.contractHex,
    contractId: contract,
    script: bytesToHex(script),
    refund: stored.refundHex,
    payments,
    settlement: settlement.hex,
    frames: proxy.frames.map(({ from, body }) => ({ from, body: bytesToHex(body) })),
  };
}

/** What bitcoinj's payee has stored: the best total and the payer's signature for it, hash type included. */
async function best(payee: BitcoinjPeer): Promise<Recording['payments'][number]> {
  const channel = (await payee.channels()).payee[0];
  if (channel?.signature === undefined) throw new Error('bitcoinj has stored no payment');
  return { total: channel.best.toString(), signature: channel.signature };
}

await mkdir(GOLDEN, { recursive: true });
for (const version of [1, 2] as const) {
  const file = join(GOLDEN, `v${version}.json`);
  if (!existsSync(file)) await writeFile(file, `${JSON.stringify(await record(version), undefined, 2)}\n`);
}
