import { createRequire } from 'node:module';
import { hexToBytes } from '../core/base/bytes.ts';
import { type PublicKey, publicKey, readCompact, type Verify, verifyPortable } from '../core/tx/sign.ts';

/** A verifier and its backend: a merchant reports at start which one it has. */
export interface Verifier {
  readonly backend: 'secp256k1' | 'libauth' | 'noble';
  readonly verify: Verify;
}

/** The fastest that works here: native code, WebAssembly or JavaScript. Each one must first tell a good signature from a bad one. */
export async function fastestVerifier(): Promise<Verifier> {
  const native = nativeVerify();
  if (native !== undefined && works(native)) return { backend: 'secp256k1', verify: native };
  const wasm = await wasmVerify();
  return works(wasm) ? { backend: 'libauth', verify: wasm } : { backend: 'noble', verify: verifyPortable };
}

/** The package's main entry falls back to slow JavaScript silently; its `bindings` entry throws where there is no native code. */
function nativeVerify(): Verify | undefined {
  try {
    const { ecdsaVerify, publicKeyConvert } = createRequire(import.meta.url)('secp256k1/bindings');
    // A channel has one key for thousands of payments, and decompressing the key takes a tenth of a verification.
    const points = new WeakMap<PublicKey, Uint8Array>();
    const pointOf = (key: PublicKey): Uint8Array => {
      const point = points.get(key) ?? publicKeyConvert(key, false);
      points.set(key, point);
      return point;
    };
    return (sig, digest, key) => ecdsaVerify(sig, digest, pointOf(key));
  } catch {
    return undefined;
  }
}

async function wasmVerify(): Promise<Verify> {
  const { secp256k1 } = await import('@bitauth/libauth');
  return (sig, digest, key) => secp256k1.verifySignatureCompactLowS(sig, key, digest);
}

// RFC 6979's private key 1 over the SHA-256 of "Satoshi Nakamoto": an old test vector of libsecp256k1's users.
const KEY = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
const DIGEST = 'a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e';
const SIGNATURE =
  '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8' + '2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5';

function works(verify: Verify): boolean {
  const key = publicKey(hexToBytes(KEY));
  const signature = readCompact(hexToBytes(SIGNATURE));
  const digest = hexToBytes(DIGEST);
  if (key === undefined || typeof signature === 'string') return false;
  return verify(signature, digest, key) && !verify(signature, new Uint8Array(32).fill(1), key);
}
