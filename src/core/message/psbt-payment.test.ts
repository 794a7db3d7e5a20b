import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import {
  assertRefused,
  fundingOf,
  keyNumber,
  must,
  payeeKey,
  payeeScript,
  payerKey,
  sampleFunding,
  sampleOffer,
  sampleTerms,
} from '../../../test/world/sample.ts';
import { amount, MAX_AMOUNT, ZERO } from '../base/amount.ts';
import { bytesToHex, concatBytes, equalBytes, hexToBytes } from '../base/bytes.ts';
import { LOCK_TIME_THRESHOLD } from '../base/height.ts';
import type { RefusalCode } from '../base/refusal.ts';
import { type Contract, channelIdOf, type Deposit, payerScript, type RevocationHash, type Terms } from '../contract/contract.ts';
import { unsigned } from '../contract/payment-plan.ts';
import { contracts } from '../contract/registry.ts';
import { revocable } from '../contract/revocable.ts';
import { p2pkh, p2sh, script } from '../tx/script.ts';
import { SIGHASH, signatureHash } from '../tx/sighash.ts';
import { decodeSignature, encodeSignature, type Signature, type Signer } from '../tx/sign.ts';
import { encodeTransaction, type Transaction, transactionId } from '../tx/transaction.ts';
import { decodePay, encodePay } from './compact.ts';
import { decodePsbt, encodePsbt, type FundingTransactions } from './psbt-codec.ts';
import { announcePsbt, paymentPsbt, readAnnounce, readEnd, readPayment } from './psbt-payment.ts';

const DOGE = 100_000_000n;
/** A lock time that is none of a contract's. */
const OTHER_KIND: Readonly<Record<Contract['expiresBy'], number>> = { height: LOCK_TIME_THRESHOLD, time: LOCK_TIME_THRESHOLD - 1 };
const OWN_CHANGE = SIGHASH.SINGLE | SIGHASH.ANYONECANPAY;

/** A payment of 3 from a deposit of 10, and all that it is made of. */
interface Made {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  readonly funding: FundingTransactions;
  readonly draft: Transaction;
  readonly signatures: readonly { readonly signature: Uint8Array; readonly hashType: number }[];
  /** Shown with the last output, where payments can be taken back. */
  readonly lastScript?: Uint8Array;
}

function heldScript(terms: Terms, hash: RevocationHash): Uint8Array {
  return terms.contract.revocation?.heldScript(terms, hash) ?? assert.fail();
}

const HASH = new Uint8Array(20).fill(9);

/** The hash that a payment of the contract is made under. */
function hashOf({ revocation }: Contract): Uint8Array | undefined {
  return revocation && HASH;
}

function made(contract: Contract, values: readonly bigint[] = [10n * DOGE], total = 3n * DOGE): Made {
  const terms = sampleTerms({ contract });
  const { deposits, transactions: funding } = sampleFunding(terms, values);
  const hash = hashOf(contract);
  const plan = must(contract.plan(terms, deposits, amount(total), hash));
  const { signatures } = must(contract.sign(terms, deposits, amount(total), payerKey, hash));
  const typed = signatures.map((signature, i) => {
    const hashType = plan.inputs[i]?.hashType ?? 0;
    return { signature: encodeSignature(signature, hashType), hashType };
  });
  const shown = hash && { lastScript: heldScript(terms, hash) };
  return { terms, deposits, funding, draft: contract.draft(terms, plan), signatures: typed, ...shown };
}

/** What is left of two deposits of 5 when the payee takes all that it can. */
function drained(contract: Contract): Made {
  const { signing } = sampleTerms({ contract });
  return made(contract, [5n * DOGE, 5n * DOGE], 10n * DOGE - (signing.kind === 'fixed' ? signing.fee : 0n));
}

/** The builder writes no value from 2^63 on; strangers do. So another stands in for it, whose bytes are then replaced. */
function psbtBytes({ terms, draft, ...shown }: Omit<Made, 'deposits'>): Uint8Array {
  const marker = 0x7a7b7c7d7e7f7a7bn;
  const large = draft.outputs.find(({ value }) => value >= 2n ** 63n)?.value;
  const outputs = draft.outputs.map((output) => (output.value === large ? { ...output, value: marker } : output));
  const bytes = encodePsbt(terms, { ...draft, outputs }, shown);
  return large === undefined ? bytes : hexToBytes(bytesToHex(bytes).replace(littleEndian(marker), littleEndian(large)));
}

function littleEndian(value: bigint): string {
  return bytesToHex(hexToBytes(value.toString(16).padStart(16, '0')).reverse());
}

function read({ deposits, ...one }: Made): ReturnType<typeof readPayment> {
  const psbt = decodePsbt(psbtBytes(one));
  return 'kind' in psbt ? psbt : readPayment(psbt, one.terms, deposits);
}

function resigned(one: Made, draft: Transaction, hashType: number, signer: Signer = payerKey): Made {
  const code = one.terms.contract.redeemScript(one.terms);
  const signatures = draft.inputs.map((_, i) => ({
    signature: encodeSignature(signer.sign(signatureHash(draft, i, code, hashType)), hashType),
    hashType,
  }));
  return { ...one, draft, signatures };
}

function highS(signature: Uint8Array): Uint8Array {
  const decoded = decodeSignature(signature);
  if (typeof decoded === 'string') assert.fail(decoded);
  const { r, s } = secp256k1.Signature.fromBytes(decoded.signature);
  const high = new secp256k1.Signature(r, secp256k1.Point.CURVE().n - s).toBytes();
  return encodeSignature(high as Signature, decoded.hashType);
}

type Alter = (one: Made) => Made;

function withTx(alter: (tx: Transaction) => Partial<Transaction>): Alter {
  // Signed anew, so that nothing but the change itself is wrong.
  return (one) => resigned(one, { ...one.draft, ...alter(one.draft) }, OWN_CHANGE);
}

function withSignature(alter: (signature: Uint8Array) => Uint8Array): Alter {
  return (one) => ({ ...one, signatures: one.signatures.map(({ signature, hashType }) => ({ signature: alter(signature), hashType })) });
}

const extra = { value: 1_000_000n, script: p2pkh(keyNumber(70).publicKey) };

const wrong: readonly (readonly [string, RefusalCode, Alter])[] = [
  ['another version', 'psbt-version-wrong', withTx(({ version }) => ({ version: 3 - version }))],
  ['a lock time', 'psbt-locktime-wrong', withTx(() => ({ lockTime: 1 }))],
  [
    'another sequence',
    'psbt-sequence-wrong',
    withTx(({ inputs }) => ({ inputs: inputs.map((input) => ({ ...input, sequence: 0xffff_fffe })) })),
  ],
  [
    'a sequence that is a relative lock',
    'psbt-sequence-wrong',
    withTx(({ inputs }) => ({ inputs: inputs.map((input) => ({ ...input, sequence: 1 })) })),
  ],
  [
    'change of one unit less',
    'psbt-outputs-wrong',
    withTx(({ outputs: [change, paid] }) => ({ outputs: [{ ...(change ?? extra), value: 7n * DOGE - 1n }, paid ?? extra] })),
  ],
  [
    'change to another script',
    'psbt-outputs-wrong',
    withTx(({ outputs: [change, paid] }) => ({ outputs: [{ ...extra, value: change?.value ?? 0n }, paid ?? extra] })),
  ],
  ['no change', 'psbt-outputs-wrong', withTx(({ outputs }) => ({ outputs: outputs.slice(1) }))],
  [
    'an output more before the last',
    'psbt-outputs-wrong',
    withTx(({ outputs: [change, paid] }) => ({ outputs: [change ?? extra, extra, paid ?? extra] })),
  ],
  [
    'the payee’s output twice',
    'psbt-outputs-wrong',
    withTx(({ outputs: [change, paid] }) => ({ outputs: [change ?? extra, paid ?? extra, paid ?? extra] })),
  ],
  ['an output more behind the last', 'psbt-outputs-wrong', withTx(({ outputs }) => ({ outputs: [...outputs, extra] }))],
  ['outputs in the other order', 'psbt-outputs-wrong', withTx(({ outputs }) => ({ outputs: outputs.toReversed() }))],
  ['no outputs', 'psbt-outputs-wrong', (one) => ({ ...one, draft: { ...one.draft, outputs: [] }, signatures: [] })],
  [
    'a total of zero',
    'total-not-positive',
    withTx(({ outputs: [change, paid] }) => ({ outputs: [change ?? extra, { ...(paid ?? extra), value: 0n }] })),
  ],
  ...[10n * DOGE + 1n, 2n ** 53n + 1n, MAX_AMOUNT, MAX_AMOUNT + 1n, 2n ** 63n + 1n, 2n ** 64n - 1n].map(
    (value): readonly [string, RefusalCode, Alter] => [
      `a total of ${value}`,
      'total-above-capacity',
      withTx(({ outputs: [change, paid] }) => ({ outputs: [change ?? extra, { ...(paid ?? extra), value }] })),
    ],
  ),
  ['ALL instead of the agreed hash type', 'psbt-sighash-wrong', (one) => resigned(one, one.draft, SIGHASH.ALL)],
  ['NONE, which gives the change away', 'psbt-sighash-wrong', (one) => resigned(one, one.draft, SIGHASH.NONE | SIGHASH.ANYONECANPAY)],
  [
    'a hash type field that says another',
    'psbt-sighash-wrong',
    (one) => ({ ...one, signatures: one.signatures.map((given) => ({ ...given, hashType: SIGHASH.ALL })) }),
  ],
  ['no signature', 'signature-missing', (one) => ({ ...one, signatures: [] })],
  ['a high s', 'signature-high-s', withSignature(highS)],
  [
    'a length that is not DER',
    'signature-malformed',
    withSignature((signature) => Uint8Array.of(0x30, (signature[1] ?? 0) + 1, ...signature.subarray(2))),
  ],
  ['a byte behind the hash type', 'signature-malformed', withSignature((signature) => concatBytes(signature, Uint8Array.of(0)))],
];

for (const contract of contracts) {
  const ofScript = (redeemScript: Uint8Array, outputScript: Uint8Array): Contract => ({
    ...contract,
    redeemScript: () => redeemScript,
    outputScript: () => outputScript,
  });

  describe(`${contract.id}: a payment’s PSBT`, () => {
    for (const [name, code, alter] of wrong) {
      test(`with ${name}: ${code}`, () => {
        const control = made(contract);
        assertRefused(read(alter(control)), code);
        assert.equal(must(read(control)).payment.total, 3n * DOGE);
      });
    }

    test('with a signature under another key: signature-wrong', () => {
      const control = made(contract);
      const others = { ...control.terms, payerKey: payeeKey.publicKey };
      // The field is named by the key, so the builder is told that the payee is the payer; the script stays what it is.
      const fake: Terms = { ...others, contract: ofScript(contract.redeemScript(control.terms), contract.outputScript(control.terms)) };
      const psbt = decodePsbt(encodePsbt(fake, control.draft, control));
      if ('kind' in psbt) assert.fail(psbt.code);
      assertRefused(readPayment(psbt, control.terms, control.deposits), 'signature-wrong');
      assert.equal(must(read(control)).kind, 'payment');
    });

    test('with a second signature beside the payer’s: signature-wrong', () => {
      const control = made(contract);
      const bytes = bytesToHex(encodePsbt(control.terms, control.draft, control));
      const { signature } = control.signatures[0] ?? assert.fail();
      const field = (key: Uint8Array): string => `2202${bytesToHex(key)}${signature.length.toString(16)}${bytesToHex(signature)}`;
      const own = field(payerKey.publicKey);
      assert.ok(bytes.includes(own));
      const other = field(payeeKey.publicKey);
      for (const both of [`${own}${other}`, `${other}${own}`]) {
        const psbt = decodePsbt(hexToBytes(bytes.replace(own, both)));
        if ('kind' in psbt) assert.fail(psbt.code);
        assertRefused(readPayment(psbt, control.terms, control.deposits), 'signature-wrong');
      }
      assert.equal(must(read(control)).kind, 'payment');
    });

    test('with a sequence altered at any input: psbt-sequence-wrong', () => {
      const control = made(contract, [5n * DOGE, 5n * DOGE], 8n * DOGE);
      for (const at of [0, 1]) {
        const inputs = control.draft.inputs.map((input, i) => (i === at ? { ...input, sequence: 0xffff_fffe } : input));
        assertRefused(read({ ...control, draft: { ...control.draft, inputs } }), 'psbt-sequence-wrong');
      }
      assert.equal(must(read(control)).kind, 'payment');
    });

    test('with a SINGLE that has no output at its index: signature-unbound', () => {
      const control = drained(contract);
      assert.equal(control.draft.outputs.length, 1);
      const signature = payerKey.sign(new Uint8Array(32).fill(1));
      const unbound = control.signatures.map((given, i) =>
        i === 1 ? { signature: encodeSignature(signature, OWN_CHANGE), hashType: OWN_CHANGE } : given,
      );
      assertRefused(read({ ...control, signatures: unbound }), 'signature-unbound');
      assert.equal(must(read(control)).payment.signatures.length, 2);
    });

    test('with other inputs than the plan has: psbt-inputs-wrong', () => {
      const control = made(contract, [5n * DOGE, 5n * DOGE], 8n * DOGE);
      const [first, second] = control.draft.inputs;
      assert.ok(first !== undefined && second !== undefined);
      for (const inputs of [[second, first], [first], [second], [first, second, first]]) {
        assertRefused(read({ ...control, draft: { ...control.draft, inputs }, signatures: [] }), 'psbt-inputs-wrong');
      }
      const stranger = fundingOf(control.terms, [5n * DOGE], 900);
      const outpoint = { txid: transactionId(stranger), vout: 0 };
      const funding = new Map([...control.funding, [outpoint.txid, encodeTransaction(stranger)] as const]);
      const draft = { ...control.draft, inputs: [first, { ...second, outpoint }] };
      assertRefused(read({ ...control, funding, draft, signatures: [] }), 'psbt-inputs-wrong');
      assert.equal(must(read(control)).kind, 'payment');
    });

    test('whose deposit is worth something else than the payee’s node said: funding-value-wrong', () => {
      const control = made(contract);
      const [deposit] = control.deposits;
      const raised = [{ ...(deposit ?? assert.fail()), value: amount(20n * DOGE) }];
      const psbt = decodePsbt(encodePsbt(control.terms, control.draft, control));
      if ('kind' in psbt) assert.fail(psbt.code);
      assertRefused(readPayment(psbt, control.terms, raised), 'funding-value-wrong');
    });
  });

  describe(`${contract.id}: an announcement’s PSBT`, () => {
    const terms = sampleTerms({ contract });
    const offer = sampleOffer(terms);
    const announced = (of: Terms, alter: Partial<Transaction> = {}, signed = false): ReturnType<typeof readAnnounce> => {
      const { deposits, transactions } = sampleFunding(of, [10n * DOGE]);
      const inputs = deposits.map(({ outpoint }) => ({ outpoint, script: new Uint8Array(), sequence: contract.form.sequence }));
      const signature = { signature: encodeSignature(payerKey.sign(new Uint8Array(32)), 1), hashType: 1 };
      const psbt = decodePsbt(
        encodePsbt(
          of,
          { version: contract.form.version, inputs, outputs: [], lockTime: 0, ...alter },
          { funding: transactions, ...(signed && { signatures: [signature] }) },
        ),
      );
      return 'kind' in psbt ? psbt : readAnnounce(psbt, offer);
    };
    /** Terms whose redeem script is other bytes than the contract writes. */
    const written = (redeemScript: Uint8Array): Terms => ({
      ...terms,
      contract: ofScript(redeemScript, isBare ? redeemScript : p2sh(redeemScript)),
    });
    const good = contract.redeemScript(terms);
    const isBare = equalBytes(good, contract.outputScript(terms));
    const uncompressed = secp256k1.Point.fromBytes(payerKey.publicKey).toBytes(false);
    const replaced = (from: Uint8Array, to: Uint8Array): Uint8Array =>
      hexToBytes(bytesToHex(good).replaceAll(bytesToHex(from), bytesToHex(to)));
    const expiry = script(terms.expiry);
    const number = expiry.subarray(1);
    const wrongExpiries: readonly (readonly [string, RefusalCode, () => ReturnType<typeof readAnnounce>])[] = [
      [
        'an expiry with a needless zero',
        'expiry-malformed',
        () => announced(written(replaced(expiry, script(Uint8Array.of(...number, 0))))),
      ],
      ['an expiry of another kind', 'expiry-malformed', () => announced(written(replaced(expiry, script(OTHER_KIND[contract.expiresBy]))))],
      [
        'an expiry below zero',
        'expiry-malformed',
        () => announced(written(replaced(expiry, script(number.map((byte, i) => byte | (i === number.length - 1 ? 0x80 : 0)))))),
      ],
    ];
    const cases: readonly (readonly [string, RefusalCode, () => ReturnType<typeof readAnnounce>])[] = [
      ['outputs', 'psbt-outputs-wrong', () => announced(terms, { outputs: [{ value: 1n, script: payerScript(terms) }] })],
      ['a signature', 'psbt-field-unknown', () => announced(terms, {}, true)],
      ['another payee’s key', 'key-foreign', () => announced({ ...terms, payeeKey: keyNumber(80).publicKey })],
      ['the keys swapped', 'key-foreign', () => announced({ ...terms, payerKey: payeeKey.publicKey, payeeKey: payerKey.publicKey })],
      ['the payee’s key twice', 'key-repeated', () => announced({ ...terms, payerKey: payeeKey.publicKey })],
      ['opcodes behind the template', 'script-unknown', () => announced(written(concatBytes(good, Uint8Array.of(0x75, 0x51))))],
      ['a part of the template missing', 'script-unknown', () => announced(written(good.subarray(0, -1)))],
      [
        'an uncompressed key',
        'key-invalid',
        () =>
          announced(written(replaced(concatBytes(Uint8Array.of(33), payerKey.publicKey), concatBytes(Uint8Array.of(65), uncompressed)))),
      ],
      ...(contract.expiryIn === 'script' ? wrongExpiries : []),
      [
        'another contract',
        'script-unknown',
        () => announced(written((contracts.find((other) => other !== contract) ?? contract).redeemScript(terms))),
      ],
    ];
    for (const [name, code, run] of cases) {
      test(`with ${name}: ${code}`, () => {
        assertRefused(run(), code);
        const control = must(announced(terms));
        assert.deepEqual([control.kind, control.expiry], ['announce', terms.expiry]);
      });
    }
  });
}

describe('what only payments that can be taken back show', () => {
  const one = made(revocable);
  const { terms, deposits, draft } = one;
  const script = heldScript(terms, HASH);

  test('the hash is read from the script of the payee’s part', () => {
    assert.deepEqual(must(read(one)).payment.hash, HASH);
  });

  test('a script that is missing, another’s or of another form is refused', () => {
    const { lastScript: _, ...bare } = one;
    assertRefused(read(bare), 'psbt-outputs-wrong');
    assertRefused(read({ ...one, lastScript: heldScript(terms, new Uint8Array(20)) }), 'psbt-outputs-wrong');
    const stranger = { ...terms, payeeKey: keyNumber(81).publicKey };
    for (const lastScript of [
      script.subarray(1),
      concatBytes(script, Uint8Array.of(0x61)),
      Uint8Array.of(0x51),
      heldScript(stranger, HASH),
    ])
      assertRefused(read({ ...one, lastScript }), 'script-unknown');
    assert.equal(must(read(one)).payment.total, 3n * DOGE);
  });

  test('a script beside the payer’s change is refused', () => {
    const bytes = bytesToHex(psbtBytes(one));
    const field = `0100${script.length.toString(16)}${bytesToHex(script)}`;
    assert.ok(bytes.endsWith(`00${field}00`));
    const psbt = must(decodePsbt(hexToBytes(`${bytes.slice(0, -(field.length + 4))}${field}00${field}00`)));
    assertRefused(readPayment(psbt, terms, deposits), 'psbt-field-unknown');
  });

  test('an agreed end shows none', () => {
    const agreement = { total: amount(3n * DOGE), payerScript: payerScript(terms), fee: amount(DOGE / 50n) };
    const agreed = must(revocable.agree(terms, deposits, agreement));
    const signed = resigned(one, agreed, SIGHASH.ALL);
    const ended = (shown: Made): ReturnType<typeof readEnd> => readEnd(must(decodePsbt(psbtBytes(shown))), terms, deposits);
    const { lastScript: _, ...bare } = signed;
    assert.deepEqual(must(ended(bare)).agreement, agreement);
    assertRefused(ended(signed), 'psbt-field-unknown');
    assertRefused(ended({ ...bare, draft }), 'psbt-outputs-wrong');
  });

  test('only an announcement names the key that punishes', () => {
    const named = { ...one, penaltyKey: keyNumber(82).publicKey };
    assertRefused(readPayment(must(decodePsbt(encodePsbt(terms, draft, named))), terms, deposits), 'psbt-field-unknown');
    const announced = (of: Terms, penaltyKey?: Uint8Array): ReturnType<typeof readAnnounce> => {
      const funded = sampleFunding(of, [10n * DOGE]);
      const shown = { funding: funded.transactions, ...(penaltyKey && { penaltyKey }) };
      return readAnnounce(must(decodePsbt(encodePsbt(of, unsigned(of, funded.deposits, []), shown))), sampleOffer(of));
    };
    assert.deepEqual(must(announced(terms, named.penaltyKey)).penaltyKey, named.penaltyKey);
    assert.equal(must(announced(terms)).penaltyKey, undefined, 'the payee misses it by itself');
    assertRefused(announced(terms, Uint8Array.of(1)), 'key-invalid');
    for (const contract of contracts.filter(({ revocation }) => revocation === undefined)) {
      const oneWay = sampleTerms({ contract });
      assertRefused(announced(oneWay, named.penaltyKey), 'psbt-field-unknown');
      assert.equal(must(announced(oneWay)).kind, 'announce');
    }
  });

  test('one that gives all back has no PSBT', () => {
    const payment = { total: ZERO, signatures: [], hash: HASH };
    assert.throws(() => paymentPsbt(terms, deposits, payment, one.funding));
    const channel = channelIdOf(terms.coin, revocable.redeemScript(terms));
    assert.deepEqual(must(decodePay(encodePay({ kind: 'payment', channel, payment }))).payment, payment);
  });
});

test('an end’s PSBT that gives more than there is, or nothing to the payer, is refused and never throws', () => {
  const [contract] = contracts;
  const { terms, deposits, funding } = made(contract);
  const end = (outputs: Transaction['outputs']): ReturnType<typeof readEnd> => {
    const inputs = deposits.map(({ outpoint }) => ({ outpoint, script: new Uint8Array(), sequence: 0xffff_fffd }));
    const psbt = decodePsbt(psbtBytes({ terms, draft: { version: 2, inputs, outputs, lockTime: 0 }, funding, signatures: [] }));
    return 'kind' in psbt ? psbt : readEnd(psbt, terms, deposits);
  };
  const own = payerScript(terms);
  for (const outputs of [
    [],
    [{ value: 2n ** 64n - 1n, script: own }],
    [{ value: 11n * DOGE, script: own }],
    [
      { value: 9n * DOGE, script: own },
      { value: 2n ** 63n, script: payeeScript },
    ],
  ]) {
    assertRefused(end(outputs), 'agreement-malformed');
  }
  assertRefused(
    end([
      { value: 9n * DOGE, script: own },
      { value: DOGE / 2n, script: own },
    ]),
    'psbt-outputs-wrong',
  );
  assertRefused(end([{ value: 9n * DOGE + (99n * DOGE) / 100n, script: own }]), 'signature-missing');
});

test('the two writers refuse to write what is no payment', () => {
  const [contract] = contracts;
  const { terms, deposits, funding } = made(contract);
  assert.throws(() => paymentPsbt(terms, deposits, { total: amount(11n * DOGE), signatures: [] }, funding), /more than the channel holds/);
  assert.throws(() => announcePsbt(terms, deposits, new Map()), /not available/);
});
