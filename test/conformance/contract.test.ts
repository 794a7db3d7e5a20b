import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRegtest } from '../../src/chain/regtest/regtest.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../src/core/coin/litecoin.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { type ContractSubject, contractSuite } from '../../src/testing/contract-suite.ts';

/** The scripts opcode by opcode, with the keys' and the expiry's pushes: IF 63, ELSE 67, ENDIF 68, CLTV b1, DROP 75, CHECKSIG ac. */
const bip65 = {
  writtenOut: (payer: string, payee: string, expiry: string): string => `6321${payee}ad67${expiry}b1756821${payer}ac`,
  scriptSize: 75,
};

const scripts: Readonly<Record<string, Pick<ContractSubject, 'writtenOut' | 'scriptSize'>>> = {
  'cltv-multisig': {
    writtenOut: (payer, payee, expiry) => `63${expiry}b17521${payer}ac675221${payer}21${payee}52ae68`,
    scriptSize: 111,
  },
  cltv: bip65,
  'cltv-time': bip65,
};

const { verify } = await fastestVerifier();

test('every contract has its script written out here', () => {
  assert.deepEqual(new Set(Object.keys(scripts)), new Set(contracts.map(({ id }) => id)));
});

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  const regtest = createRegtest({ coin, relay: 'peer', verify });
  regtest.mine(1_360);
  for (const contract of contracts) {
    const own = scripts[contract.id];
    if (own === undefined) continue;
    describe(`contract ${contract.id}, ${coin.id}`, () => contractSuite(test, () => ({ contract, regtest, verify, ...own })));
  }
}
