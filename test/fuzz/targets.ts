import { compact } from './target/compact.ts';
import { httpAnswer } from './target/http-answer.ts';
import { httpRequest } from './target/http-request.ts';
import { psbt } from './target/psbt.ts';
import { rpcAnswer } from './target/rpc-answer.ts';
import { script } from './target/script.ts';
import { signature } from './target/signature.ts';
import { transaction } from './target/transaction.ts';
import type { Target } from './target.ts';

/** Everything that is fuzzed: the only list of it. */
export const targets: readonly Target[] = [transaction, script, signature, psbt, compact, httpRequest, httpAnswer, rpcAnswer];
