import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { HDKey } from '@scure/bip32';
import { bytesToHex, hexToBytes } from '../core/base/bytes.ts';
import { lruCache } from '../core/base/lru.ts';
import type { Coin } from '../core/coin/coin.ts';
import { p2pkh } from '../core/tx/script.ts';
import { type Signer, signer } from '../core/tx/sign.ts';
import type { KeyRing, SeedRing } from '../engine/ports.ts';
import type { SignerOf } from '../engine/signer.ts';

/** A key of the BIP44 tree: account 0 is the wallet (0 receive, 1 change), account 1 holds a payer's channel keys. */
export interface KeyPath {
  readonly account: number;
  readonly change: 0 | 1;
  readonly index: number;
}

/** "pawm" in ASCII, a purpose (BIP43) that nobody has registered: keys below it can't equal those of another wallet. */
const PURPOSE = 0x7061776d;
/** The most signers in the cache: names of offer keys come from outside, so there must be a limit. */
const CACHED = 4_096;

const PATH = /^m\/44'\/(\d+)'\/(0|[1-9]\d{0,9})'\/([01])\/(0|[1-9]\d{0,9})$/;
const OFFER = /^offer:([0-9a-f]{64})$/;

/** BIP44 path of a key, which is also its name: `m/44'/3'/0'/0/7`. */
export function keyName(coin: Coin, path: KeyPath): string {
  return `m/44'/${coin.slip44}'/${path.account}'/${path.change}/${path.index}`;
}

/** The output script of a seed's first key, which every wallet of that seed watches. */
export function ownScript(coin: Coin, keys: KeyRing): Uint8Array {
  return p2pkh(keys.signer(keyName(coin, { account: 0, change: 0, index: 0 })).publicKey);
}

/** The index of a payer's channel key on its branch; undefined for the name of any other key. */
export function channelKeyIndex(coin: Coin, name: string): number | undefined {
  const [, slip44, account, change, index] = PATH.exec(name) ?? [];
  return slip44 === String(coin.slip44) && account === '1' && change === '0' ? Number(index) : undefined;
}

/** Name of the payee key of an offer, from the offer's 32-byte digest: it needs no counter and no storage. */
export function offerKeyName(digest: Uint8Array): string {
  if (digest.length !== 32) throw new RangeError(`an offer digest has 32 bytes, not ${digest.length}`);
  return `offer:${bytesToHex(digest)}`;
}

/**
 * The keys of one seed (BIP32) on one coin.
 * `m/44'/<slip44>'/<account>'/<change>/<index>` is that BIP44 key. `offer:<64 hex>` is the key whose private key is HMAC-SHA256(secret, digest); the
 * secret is the private key of the hardened node `m/1885435757'/<slip44>'/0'`. The private key of node 1' seals notes. A private key of 0 or ≥ n,
 * which happens for one digest in 2^128, throws: such an offer can't be made.
 * @param signerOf makes signers: in portable JavaScript unless given; the engine's `fastestSigner` where there is native code.
 * @throws TypeError for any other name, also for one of another coin: names come from our own states, so that is a bug.
 */
export function seedKeyRing(coin: Coin, seed: Uint8Array, signerOf: SignerOf = signer): SeedRing {
  const root = HDKey.fromMasterSeed(seed, coin.prefix.bip32);
  const secret = (index: number): Uint8Array => privateKeyOf(root.derive(`m/${PURPOSE}'/${coin.slip44}'/${index}'`));
  const [offerSecret, noteSecret] = [secret(0), secret(1)];
  const branches = new Map<string, HDKey>();
  const signers = lruCache<string, Signer>(CACHED);

  const branch = (path: string): HDKey => {
    const known = branches.get(path) ?? root.derive(path);
    branches.set(path, known);
    return known;
  };

  const derive = (name: string): Signer => {
    const digest = OFFER.exec(name)?.[1];
    if (digest !== undefined) return signerOf(hmac(sha256, offerSecret, hexToBytes(digest)));
    const [, slip44, account, change, index] = PATH.exec(name) ?? [];
    if (slip44 !== String(coin.slip44)) throw new TypeError(`${name} is not the name of a key on ${coin.id}`);
    return signerOf(privateKeyOf(branch(`m/44'/${slip44}'/${account}'/${change}`).derive(`m/${index}`)));
  };

  return {
    signer: (name) => {
      const known = signers.get(name);
      if (known !== undefined) return known;
      const found = derive(name);
      signers.set(name, found);
      return found;
    },
    noteSecret: () => noteSecret,
  };
}

function privateKeyOf(node: HDKey): Uint8Array {
  if (node.privateKey === null) throw new TypeError('a key derived from a seed has a private half');
  return node.privateKey;
}
