import assert from 'node:assert/strict';
import type { Regtest } from '../../src/chain/regtest/regtest.ts';
import { bytesToHex, equalBytes } from '../../src/core/base/bytes.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import { capacityOf } from '../../src/core/contract/contract.ts';
import { outpointKey, type Transaction } from '../../src/core/tx/transaction.ts';
import type { Left } from './disk.ts';
import type { Witness } from './witness.ts';

/** Every transaction but those of miners, and where every coin of them went. */
export class Books {
  readonly #made: Map<string, { readonly value: bigint; readonly script: Uint8Array; readonly by: Transaction }> = new Map();
  readonly #spender: Map<string, Transaction> = new Map();
  #fees = 0n;

  /** Reads the blocks above a height. */
  constructor(regtest: Regtest, above: number) {
    for (let height = 0; height <= regtest.tip.height; height++) this.#read(regtest, height, height > above);
  }

  #read(regtest: Regtest, height: number, isCounted: boolean): void {
    for (const [index, { txid, transaction }] of (regtest.block(height)?.transactions ?? []).entries()) {
      let fee = 0n;
      for (const { outpoint } of index === 0 ? [] : transaction.inputs) {
        const key = outpointKey(outpoint);
        fee += this.#made.get(key)?.value ?? assert.fail(`${txid} spends what is not there`);
        this.#spender.set(key, transaction);
      }
      for (const [vout, { value, script }] of transaction.outputs.entries()) {
        this.#made.set(outpointKey({ txid, vout }), { value, script, by: transaction });
        fee -= value;
      }
      if (index > 0 && isCounted) this.#fees += fee;
    }
  }

  get fees(): bigint {
    return this.#fees;
  }

  /** The sum of unspent outputs to a script. */
  at(script: Uint8Array): bigint {
    const free = [...this.#made].filter(([key, output]) => !this.#spender.has(key) && equalBytes(output.script, script));
    return free.reduce((sum, [, { value }]) => sum + value, 0n);
  }

  /** What became of the deposits of a channel's script, which must all be spent. */
  settlement(script: Uint8Array, payeeScript: Uint8Array): Settlement {
    const keys = [...this.#made].filter(([, output]) => equalBytes(output.script, script));
    const deposits = keys.reduce((sum, [, { value }]) => sum + value, 0n);
    const spenders = new Set(keys.map(([key]) => this.#spender.get(key) ?? assert.fail(`a deposit to ${bytesToHex(script)} is not spent`)));
    const outputs = [...spenders].flatMap((transaction) => transaction.outputs);
    const sum = (isCounted: (to: Uint8Array) => boolean): bigint =>
      outputs.filter((output) => isCounted(output.script)).reduce((total, { value }) => total + value, 0n);
    return { deposits, toPayee: sum((to) => equalBytes(to, payeeScript)), toPayer: sum((to) => !equalBytes(to, payeeScript)) };
  }
}

interface Settlement {
  readonly deposits: bigint;
  readonly toPayee: bigint;
  readonly toPayer: bigint;
}

/** When all is over: nobody has lost a coin that he had not signed away, or been promised. */
export function checkEnds(
  left: { readonly payer: Left; readonly payee: Left },
  books: Books,
  payeeScript: Uint8Array,
  seen: Witness,
): void {
  for (const [channel, state] of left.payee.payee) {
    assert.equal(state.kind, 'ended', `channel ${channel} of the merchant`);
    const paid = [...left.payee.invoices.values()].filter((kept) => kept.paidTotal !== undefined && kept.invoice.channel === channel);
    const bought = paid.reduce((sum, { invoice }) => sum + invoice.amount, 0n);
    assert.equal(state.spent, bought, `what was bought in channel ${channel}, and what it was charged for`);
  }
  for (const [channel, state] of left.payer.payer) {
    assert.equal(state.kind, 'ended', `channel ${channel} of the payer`);
    const { deposits, toPayee, toPayer } = books.settlement(scriptOf(state), payeeScript);
    if (deposits === 0n) continue;
    const fee = deposits - toPayee - toPayer;
    const owed = seen.acknowledged.get(channel) ?? 0n;
    assert.equal(deposits, capacityOf([...state.deposits, ...state.offered]), `deposits of channel ${channel}`);
    assert(toPayee + fee >= owed, `the payee of ${channel} was paid ${toPayee}, less than ${owed} and the fee`);
    assert(toPayee <= state.signed, `the payee of ${channel} was paid ${toPayee}, more than the ${state.signed} that were signed`);
    assert(
      toPayer + fee >= deposits - state.signed,
      `the payer of ${channel} got ${toPayer} of ${deposits}, having signed ${state.signed}`,
    );
    assert(state.spent <= (left.payee.payee.get(channel)?.spent ?? 0n), `the payer of ${channel} believes to have bought more than it has`);
  }
}

function scriptOf({ terms }: PayerState): Uint8Array {
  return terms.contract.outputScript(terms);
}
