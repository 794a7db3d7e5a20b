import { hexToBytes, type TxId } from '../../base/bytes.ts';
import { type PublicKey, readCompact, type Signer, type Verify } from '../../tx/sign.ts';
import { proofDigest } from '../key-proof.ts';

/** Over the server's nonce and the contract's id: only the payer of that channel can sign it, and it is valid for this connection only. */
function digestOf(nonce: Uint8Array, contract: TxId): Uint8Array {
  return proofDigest('pawment/bitcoinj-resume/1', nonce, hexToBytes(contract));
}

/** Proves that a client that resumes a channel has its key. 64 bytes. */
export function prove(nonce: Uint8Array, contract: TxId, { sign }: Signer): Uint8Array {
  return sign(digestOf(nonce, contract));
}

export function isProof(proof: Uint8Array, nonce: Uint8Array, contract: TxId, payerKey: PublicKey, verify: Verify): boolean {
  const signature = readCompact(proof);
  return typeof signature !== 'string' && verify(signature, digestOf(nonce, contract), payerKey);
}
