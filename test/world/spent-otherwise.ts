import assert from 'node:assert/strict';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import { p2pkh, script } from '../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../src/core/tx/sighash.ts';
import { encodeSignature } from '../../src/core/tx/sign.ts';
import { decodeTransaction, type Transaction } from '../../src/core/tx/transaction.ts';
import type { ChannelWorld } from './channel-world.ts';
import { keyNumber } from './sample.ts';

/** The coins of a channel's last funding, paid to somebody else. */
export async function spentOtherwise(world: ChannelWorld, channel: ChannelId): Promise<Transaction> {
  const made = decodeTransaction((await world.payer(channel)).funding.at(-1) ?? assert.fail()) ?? assert.fail();
  const value = made.outputs.reduce((sum, output) => sum + output.value, 0n);
  const other = { ...made, outputs: [{ value, script: p2pkh(keyNumber(66).publicKey) }] };
  const inputs = await Promise.all(
    made.inputs.map(async (input, i) => {
      const before = (await world.chain.transaction(input.outpoint.txid))?.transaction.outputs[input.outpoint.vout] ?? assert.fail();
      const key = world.wallet.keyOf(before.script) ?? assert.fail('not a coin of the wallet');
      const signature = encodeSignature(key.sign(signatureHash(other, i, before.script, SIGHASH.ALL)), SIGHASH.ALL);
      return { ...input, script: script(signature, key.publicKey) };
    }),
  );
  return { ...other, inputs };
}
