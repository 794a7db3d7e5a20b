import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TwoDisks } from '../../../test/world/two-disks.ts';
import { allDeposits } from '../../core/channel/payer-state.ts';
import { announcePsbt } from '../../core/message/psbt-payment.ts';
import { decodeTransaction, transactionId } from '../../core/tx/transaction.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { fundingOf } from '../../payer/wire-format.ts';
import { recognise } from './decode.ts';

test('what is decoded is fields, not lines: a transaction, its PSBT and its script', async () => {
  const world = await TwoDisks.open({ verify: (await fastestVerifier()).verify });
  const state = await world.payerState(await world.funded());
  const [bytes = assert.fail()] = state.funding;
  const txid = transactionId(decodeTransaction(bytes) ?? assert.fail());
  const found = recognise(world.coin, bytes);
  assert.equal(found?.kind, 'transaction');
  assert.ok('txid' in found.facts && 'outputs' in found.facts);
  assert.equal(found.facts.txid, txid);
  const psbt = recognise(world.coin, announcePsbt(state.terms, allDeposits(state), fundingOf(state)));
  assert.equal(psbt?.kind, 'PSBT');
  assert.ok('deposits' in psbt.facts && Array.isArray(psbt.facts.deposits));
  assert.deepEqual([psbt.facts.deposits[0]?.txid, psbt.facts.deposits[0]?.value], [txid, world.deposit]);
  const script = recognise(world.coin, state.terms.contract.redeemScript(state.terms));
  assert.ok(script?.kind === 'script' && 'asm' in script.facts);
  assert.match(String(script.facts.asm), /CHECKLOCKTIMEVERIFY/);
});
