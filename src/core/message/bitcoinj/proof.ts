import { hexToBytes, type TxId } from '../../base/bytes.ts';
import { type PublicKey, readCompact, type Signer, type Verify } from '../../tx/sign.ts';
import { proofDigest } from '../key-proof.ts';

/** Of the server's nonce and the contract's id: nobody but the payer of that channel can have signed it, and not for another connection. */
function digestOf(nonce: Uint8Array, contract: TxId): Uint8Array {
  return proofDigest('pawment/bitcoinj-resume/1', nonce, hexToBytes(contract));
}

/** Shows that a client that goes on with a channel has its key. 64 bytes. */
export function prove(nonce: Uint8Array, contract: TxId, { sign }: Signer): Uint8Array {
  return sign(digestOf(nonce, contract));
}

export function isProof(proof: Uint8Array, nonce: Uint8Array, contract: TxId, payerKey: PublicKey, verify: Verify): boolean {
  const signature = readCompact(proof);
  return typeof signature !== 'string' && verify(signature, digestOf(nonce, contract), payerKey);
}
