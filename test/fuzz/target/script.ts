import assert from 'node:assert/strict';
import { describeScript } from '../../../src/cli/terminal/describe.ts';
import { bytesToHex, concatBytes } from '../../../src/core/base/bytes.ts';
import { isRefusal } from '../../../src/core/base/refusal.ts';
import { dogecoinRegtest } from '../../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../../src/core/coin/litecoin.ts';
import { contracts } from '../../../src/core/contract/registry.ts';
import {
  csvCommitScript,
  csvDepositScript,
  csvUnlock,
  readCsvCommitScript,
  readCsvDepositScript,
  spendSecretIn,
} from '../../../src/core/contract/revocable-csv-script.ts';
import { addressOf, scriptOf } from '../../../src/core/tx/address.ts';
import {
  hash160,
  operationAt,
  p2pkh,
  readScript,
  reckonedBytes,
  script as scriptFrom,
  withoutCodeSeparators,
} from '../../../src/core/tx/script.ts';
import { decodeTransaction } from '../../../src/core/tx/transaction.ts';
import { payeeKey, payerKey } from '../../world/sample.ts';
import { golden } from '../corpus.ts';
import { channels } from '../samples.ts';
import { assertSameBytes, type Outcome, type Target } from '../target.ts';
import { mutateScript, splitScript } from '../wire.ts';

const unlocks = golden('tx/*.hex').flatMap((bytes) => decodeTransaction(bytes)?.inputs.map(({ script }) => script) ?? []);
const redeemScripts = channels.map(({ terms }) => terms.contract.redeemScript(terms));
const outputs = channels.flatMap(({ terms }) => [terms.contract.outputScript(terms), p2pkh(terms.payerKey)]);

const spendSecret = new Uint8Array(32).fill(1);
const parties = { payerKey: payerKey.publicKey, payeeKey: payeeKey.publicKey, spendHash: hash160(spendSecret) };
const deposit = { ...parties, expiry: 1_008 };
const commit = { ...parties, revokeHash: new Uint8Array(20).fill(2), delay: 5 };
const csv = [
  csvDepositScript(deposit),
  csvCommitScript(commit),
  csvUnlock.payout(csvCommitScript(commit), new Uint8Array(71).fill(3), spendSecret),
];
/** Of versions and lengths that a rule binds, and of others. */
const programs = (
  [
    [0, 20],
    [0, 32],
    [0, 25],
    [0x51, 32],
    [0x51, 20],
    [0x52, 32],
  ] as const
).map(([version, length]) => Uint8Array.of(version, length, ...new Uint8Array(length).fill(7)));

/** Scripts: their steps, the templates of the contracts, the branch that a spend takes, the address they pay to. */
export const script: Target = {
  name: 'script',
  files: [
    'core/tx/script.ts',
    'core/tx/script-number.ts',
    'core/contract/script-template.ts',
    'core/contract/spend-branch.ts',
    'core/contract/revocable-csv-script.ts',
    'core/tx/address.ts',
  ],
  corpus: [...redeemScripts, ...unlocks, ...outputs, ...programs, ...csv],
  mutate: mutateScript,
  check: (input) => {
    const steps = splitScript(input);
    assertSameBytes(concatBytes(...steps), input, 'the steps are the script');
    assertSameBytes(withoutCodeSeparators(input), withoutCodeSeparators(withoutCodeSeparators(input)), 'nothing is left to take out');
    assert.ok(describeScript(input).length <= input.length * 25 + 100);
    const parts = readScript(input);
    // A push of nothing in a longer form is read as such, and written as the opcode for it.
    const shortest = parts?.map((part) => (part instanceof Uint8Array && part.length === 0 ? 0 : part));
    if (shortest !== undefined) assert.deepEqual(readScript(scriptFrom(...shortest)), shortest);
    const [address] = [dogecoinRegtest, litecoinRegtest].flatMap((coin) => {
      const written = addressOf(coin, input);
      if (written !== undefined) assertSameBytes(scriptOf(coin, written) ?? new Uint8Array(), input, written);
      return written ?? [];
    });
    assert.ok(reckonedBytes(input) >= input.length);
    const secret = spendSecretIn(input, commit);
    if (secret !== undefined) assertSameBytes(hash160(secret), commit.spendHash, 'the secret of the hash');
    return (
      relative(input) ??
      templated(input) ?? {
        code: parts === undefined ? 'unreadable' : `${recognised(input)}`,
        path: address === undefined ? '' : 'address',
      }
    );
  },
};

/** A redeem script is read by at most one contract of either kind, and only if that writes it so to the byte: what a close holds is not in it. */
function templated(input: Uint8Array): Outcome | undefined {
  const reads = contracts.map((contract) => [contract, contract.readRedeemScript(input)] as const);
  const read = reads.filter(([, terms]) => !isRefusal(terms));
  const oneWay = read.filter(([{ revocation }]) => revocation === undefined).length;
  assert.ok(oneWay <= 1 && read.length - oneWay <= 1);
  for (const [contract, terms] of read) {
    if (isRefusal(terms)) continue;
    assertSameBytes(contract.redeemScript({ ...terms }), input, contract.id);
    assert.notDeepEqual(terms.payerKey, terms.payeeKey);
  }
  const [first] = read;
  if (first !== undefined) return { code: 'accepted', path: first[0].id };
  const refusals = reads.flatMap(([, terms]) => (isRefusal(terms) ? [terms.code] : []));
  const telling = refusals.find((code) => code !== 'script-unknown');
  return telling === undefined ? undefined : { code: telling };
}

/** A script with relative locks is one of the two, and is written so to the byte. */
function relative(input: Uint8Array): Outcome | undefined {
  const [ofDeposit, ofCommit] = [readCsvDepositScript(input), readCsvCommitScript(input)];
  if (!isRefusal(ofDeposit)) assertSameBytes(csvDepositScript(ofDeposit), input, 'a deposit');
  if (!isRefusal(ofCommit)) assertSameBytes(csvCommitScript(ofCommit), input, 'a commit');
  const isDeposit = !isRefusal(ofDeposit);
  return isDeposit || !isRefusal(ofCommit) ? { code: 'accepted', path: isDeposit ? 'csv deposit' : 'csv commit' } : undefined;
}

/** Contracts whose deposits pay to the script itself. */
const bare = new Set(
  channels.flatMap(({ terms }) =>
    bytesToHex(terms.contract.outputScript(terms)) === bytesToHex(terms.contract.redeemScript(terms)) ? [terms.contract] : [],
  ),
);

/** Only what ends in the redeem script of a contract can be a close or a refund; in a signature, where the script is in the output. */
function recognised(input: Uint8Array): string {
  const spends = contracts.map((contract) => contract.recognise(input));
  for (const [i, spend] of spends.entries()) {
    const inside = operationAt(splitScript(input).at(-1) ?? new Uint8Array(), 0)?.data;
    const contract = contracts[i] ?? assert.fail();
    const isOwn = inside !== undefined && (bare.has(contract) ? inside[0] === 0x30 : !isRefusal(contract.readRedeemScript(inside)));
    if (!isOwn) assert.equal(spend, 'foreign');
  }
  return spends.find((spend) => spend !== 'foreign') ?? 'foreign';
}
