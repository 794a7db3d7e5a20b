import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortTerms } from '../../../test/world/short-terms.ts';
import { TwoDisks } from '../../../test/world/two-disks.ts';
import { ZERO } from '../../core/base/amount.ts';
import { equalBytes } from '../../core/base/bytes.ts';
import { allDeposits, channelOf, type PayerState } from '../../core/channel/payer-state.ts';
import { dogecoinRegtest } from '../../core/coin/dogecoin.ts';
import { payerScript } from '../../core/contract/contract.ts';
import { contractById } from '../../core/contract/registry.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { withReturns } from '../../payer/returns.ts';
import { channelLine, channelLines } from './channel-print.ts';
import { describeExpiry } from './time-left.ts';

const { verify } = await fastestVerifier();

for (const id of ['cltv', 'cltv-time']) {
  test(`${id}: the expiry is shown as the script has it, and a time in words too`, async () => {
    const contract = contractById(id) ?? assert.fail(id);
    const world = await TwoDisks.open({ verify, terms: { ...shortTerms(dogecoinRegtest, contract), contract } });
    const state = await world.payerState(await world.funded());
    const { expiry } = state.terms;
    const shown = id === 'cltv' ? String(expiry) : `${expiry}, ${describeExpiry(expiry)}`;
    assert.ok(channelLines(state).includes(`expiry         ${shown}`), channelLines(state).join('\n'));
  });
}

test('what came back of a closed channel to another address of the wallet is shown, and what went to strangers is not', async () => {
  const world = await TwoDisks.open({ verify });
  const state = await world.payerState(await world.funded());
  const [deposit = assert.fail()] = allDeposits(state);
  const [own, strange] = [new Uint8Array(25).fill(7), new Uint8Array(25).fill(8)];
  const outputs = [
    { value: 8_999_000_000n, script: own },
    { value: 900_000_000n, script: strange },
    { value: 5n, script: payerScript(state.terms) },
  ];
  const transaction = { version: 2, inputs: [], outputs, lockTime: 0 };
  const ended: PayerState = {
    ...{ ...channelOf(state), deposits: [], offered: [deposit] },
    ...{ kind: 'ended', how: 'closed', returned: ZERO, transactions: [transaction] },
  };
  const shown = withReturns(ended, (script) => equalBytes(script, own));
  assert.ok(shown.kind === 'ended');
  assert.equal(shown.returned, 8_999_000_005n);
  assert.match(channelLine(shown), /ended {6}closed, 89\.99000005 of \d+ DOGE back$/);
  assert.equal(
    withReturns(state, () => true),
    state,
  );
});
