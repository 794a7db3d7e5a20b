import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRegtest } from '../../src/chain/regtest/regtest.ts';
import { concatBytes, hexToBytes } from '../../src/core/base/bytes.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../src/core/coin/litecoin.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import { readScript, script } from '../../src/core/tx/script.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { contractsOn, signingsOf } from '../world/sample.ts';
import { type ContractSubject, contractSuite } from './suite/contract.ts';

/** The scripts opcode by opcode, with the keys' and the expiry's pushes: IF 63, ELSE 67, ENDIF 68, CLTV b1, DROP 75, CHECKSIG ac. */
const bip65 = {
  writtenOut: (payer: string, payee: string, expiry: string): string => `6321${payee}ad67${expiry}b1756821${payer}ac`,
  scriptSize: 75,
  disguises: otherSelector,
};

const scripts: Readonly<Record<string, Pick<ContractSubject, 'writtenOut' | 'scriptSize' | 'disguises'>>> = {
  'cltv-multisig': {
    writtenOut: (payer, payee, expiry) => `63${expiry}b17521${payer}ac675221${payer}21${payee}52ae68`,
    scriptSize: 111,
    disguises: otherSelector,
  },
  cltv: bip65,
  'cltv-time': bip65,
  revocable: bip65,
  'revocable-csv': {
    writtenOut: (payer, payee, age, spendHash) =>
      `635221${payer}21${payee}52ae6763a914${spendHash}8821${payer}ac67${age}b27521${payer}ac6868`,
    scriptSize: 175,
    disguises: otherSelector,
  },
  'presigned-refund': {
    writtenOut: (payer, payee) => `5221${payer}21${payee}52ae`,
    scriptSize: 71,
    disguises: (unlock) => [unlock, Uint8Array.of(0x51, ...unlock), Uint8Array.of(0x00, 0x52, ...unlock)],
  },
};

/** More on the stack, and the same choice of a branch in other bytes: what selects is the push before the redeem script. */
function otherSelector(unlock: Uint8Array): readonly Uint8Array[] {
  const parts = readScript(unlock) ?? [];
  const selecting = (yes: string, no: string): Uint8Array =>
    concatBytes(script(...parts.slice(0, -2)), hexToBytes(parts.at(-2) === 1 ? yes : no), script(...parts.slice(-1)));
  return [
    Uint8Array.of(0x51, ...unlock),
    Uint8Array.of(0x00, 0x52, ...unlock),
    Uint8Array.of(0x51, 0x51, 0x51, ...unlock),
    selecting('017f', '0180'),
    selecting('020001', '03000080'),
  ];
}

const { verify } = await fastestVerifier();

test('every contract has its script written out here', () => {
  assert.deepEqual(new Set(Object.keys(scripts)), new Set(contracts.map(({ id }) => id)));
});

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  const regtest = createRegtest({ coin, relay: 'peer', verify });
  regtest.mine(1_360);
  for (const contract of contractsOn(coin)) {
    const own = scripts[contract.id];
    if (own === undefined) continue;
    describe(`contract ${contract.id}, ${coin.id}`, () =>
      contractSuite(test, () => ({ contract, signings: signingsOf(contract), regtest, verify, ...own })));
  }
}
