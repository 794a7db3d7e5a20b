import { bitcoinj } from './target/bitcoinj.ts';
import { compact } from './target/compact.ts';
import { config } from './target/config.ts';
import { frame } from './target/frame.ts';
import { httpAnswer } from './target/http-answer.ts';
import { httpRequest } from './target/http-request.ts';
import { penaltyFile } from './target/penalty-file.ts';
import { psbt } from './target/psbt.ts';
import { record } from './target/record.ts';
import { rpcAnswer } from './target/rpc-answer.ts';
import { script } from './target/script.ts';
import { seedFile } from './target/seed-file.ts';
import { signature } from './target/signature.ts';
import { terminal } from './target/terminal.ts';
import { text } from './target/text.ts';
import { transaction } from './target/transaction.ts';
import type { Target } from './target.ts';

const bytes: readonly Target[] = [transaction, script, signature, psbt, compact, frame, bitcoinj];
const texts: readonly Target[] = [httpRequest, httpAnswer, rpcAnswer, record, config, text, seedFile, penaltyFile, terminal];

/** Everything that is fuzzed: the only list of it. */
export const targets: readonly Target[] = [...bytes, ...texts];
