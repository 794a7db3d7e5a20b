// Makes the refund of one deposit from the wallet's words alone, and prints it for any node's `sendrawtransaction`.
//   node examples/refund-by-hand/main.ts dogecoin <redeem script> <txid>:<vout> <amount> <return address> < words.txt
import { readFileSync } from 'node:fs';
import {
  bytesToHex,
  type Coin,
  coinById,
  contracts,
  encodeTransaction,
  isRefusal,
  isTime,
  type LockTime,
  parseAmount,
  parseHex,
  type ScriptTerms,
  type Signer,
  scriptOf,
  type Terms,
  txId,
} from 'pawment';
import { keyName, seedKeyRing } from 'pawment/wallet/keyring';
import { readMnemonic, seedOf } from 'pawment/wallet/mnemonic';

/** Channel keys are tried in the order in which a wallet hands them out. */
const MOST_KEYS = 1_000;

const [coinId = '', redeemHex = '', outpoint = '', amountText = '', address = ''] = process.argv.slice(2);
const coin = needed(coinById(coinId), `${coinId} is not a coin`);
const redeemScript = needed(parseHex(redeemHex), 'the redeem script is not hex');
const [, txidText, voutText] = needed(/^([0-9a-f]{64}):(\d+)$/.exec(outpoint), 'the deposit is not txid:vout');
const value = needed(parseAmount(amountText), `${amountText} is not an amount`);
const returnScript = needed(scriptOf(coin, address), `${address} is not an address of ${coin.id}`);

const terms = termsOf(coin, redeemScript);
const deposit = { outpoint: { txid: txId(txidText ?? ''), vout: Number(voutText) }, value };
const payout = { script: returnScript, feeRate: coin.policy.feeRate };
const refund = terms.contract.refund(terms, [deposit], payout, payerSigner(coin, terms));
if (isRefusal(refund)) throw new Error(refund.message);
console.error(`valid once ${reached(terms.expiry)}`);
console.log(bytesToHex(encodeTransaction(refund)));

/** Nodes take the middle of the last eleven blocks' times, about an hour behind the clock at ten minutes a block. */
function reached(expiry: LockTime): string {
  if (!isTime(expiry)) return `the chain has reached block ${expiry}`;
  return `the time of blocks has passed ${new Date(expiry * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function termsOf(coin: Coin, script: Uint8Array): Terms {
  for (const contract of contracts) {
    const read = contract.readRedeemScript(script);
    // A refund needs the script only, if that says the expiry; what the two had agreed on besides plays no part in it.
    if (!isRefusal(read) && read.expiry !== undefined) {
      return {
        ...read,
        expiry: read.expiry,
        coin,
        contract,
        signing: { kind: 'flexible', slot: 0 },
        closingMargin: 0,
        payeeScript: new Uint8Array(),
      };
    }
  }
  throw new Error('the redeem script is of no known contract, or of one whose refund the payee signs');
}

function payerSigner(coin: Coin, { payerKey }: ScriptTerms): Signer {
  const mnemonic = readMnemonic(readFileSync(0, 'utf8').trim());
  if (mnemonic.kind !== 'mnemonic') throw new Error(`the words are not a mnemonic: ${mnemonic.kind}`);
  const keys = seedKeyRing(coin, seedOf(mnemonic.mnemonic));
  for (let index = 0; index < MOST_KEYS; index++) {
    const signer = keys.signer(keyName(coin, { account: 1, change: 0, index }));
    if (bytesToHex(signer.publicKey) === bytesToHex(payerKey)) return signer;
  }
  throw new Error('the words do not hold the payer key of this script');
}

function needed<T>(value: T | undefined | null, otherwise: string): T {
  if (value === undefined || value === null) throw new Error(otherwise);
  return value;
}
