import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dogecoinRegtest } from '../core/coin/dogecoin.ts';
import { contractById } from '../core/contract/registry.ts';
import { fastestVerifier } from '../engine/verifier.ts';
import { shortTerms } from '../testing/short-terms.ts';
import { TwoDisks } from '../testing/two-disks.ts';
import { channelLines } from './channel-print.ts';
import { when } from './when.ts';

const { verify } = await fastestVerifier();

for (const id of ['cltv', 'cltv-time']) {
  test(`${id}: the expiry is shown as the script has it, and a time in words too`, async () => {
    const contract = contractById(id) ?? assert.fail(id);
    const world = await TwoDisks.open({ verify, terms: { ...shortTerms(dogecoinRegtest, contract), contract } });
    const state = await world.payerState(await world.funded());
    const { expiry } = state.terms;
    const shown = id === 'cltv' ? String(expiry) : `${expiry}, ${when(expiry)}`;
    assert.ok(channelLines(state).includes(`expiry         ${shown}`), channelLines(state).join('\n'));
  });
}
