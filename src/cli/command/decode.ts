import { readFileSync } from 'node:fs';
import { base64, base64urlnopad } from '@scure/base';
import type { Command } from 'commander';
import { formatAmount } from '../../core/base/amount.ts';
import { bytesToHex, parseHex } from '../../core/base/bytes.ts';
import { isRefusal } from '../../core/base/refusal.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { decodeAnnounce, decodeEnd, decodePay } from '../../core/message/compact.ts';
import { decodePsbt } from '../../core/message/psbt.ts';
import { readScript } from '../../core/tx/script.ts';
import { decodeTransaction, outpointKey } from '../../core/tx/transaction.ts';
import { WorldError } from '../../engine/ports.ts';
import { command, run } from '../action.ts';
import type { CommonFlags } from '../config.ts';
import { describePsbt, describeScript, describeTransaction } from '../describe.ts';

export function decodeCommand(): Command {
  return command('decode', 'Say what a transaction, script, PSBT or compact message holds', [
    'pawment decode 0200…',
    'pawment decode cHNidP8B…',
    'pawment decode - < file',
  ])
    .argument('<data>', 'hex or base64; - reads standard input')
    .action((data: string, flags: CommonFlags) =>
      run(flags, async ({ config, print }) => {
        const text = (data === '-' ? readFileSync(0, 'utf8') : data).trim();
        const bytes = parseHex(text) ?? attempt(() => base64.decode(text)) ?? attempt(() => base64urlnopad.decode(text));
        if (bytes === undefined) throw new WorldError('config', 'This is neither hex nor base64.', 'Give the bytes in one of them.');
        const found = recognise(config.coin, bytes);
        if (found === undefined)
          throw new WorldError('config', 'These bytes are nothing that pawment knows.', 'Check that they are whole.');
        print.result(found, [`a ${found.kind}`, ...found.lines]);
      }),
    );
}

interface Found {
  readonly kind: string;
  readonly lines: readonly string[];
}

function recognise(coin: Coin, bytes: Uint8Array): Found | undefined {
  if (!isRefusal(decodePsbt(bytes))) return { kind: 'PSBT', lines: describePsbt(coin, bytes) };
  const compact = describeCompact(bytes);
  if (compact !== undefined) return compact;
  const transaction = decodeTransaction(bytes);
  if (transaction !== undefined && transaction.inputs.length > 0)
    return { kind: 'transaction', lines: describeTransaction(coin, transaction) };
  return readScript(bytes) === undefined ? undefined : { kind: 'script', lines: [describeScript(bytes)] };
}

function describeCompact(bytes: Uint8Array): Found | undefined {
  const pay = decodePay(bytes);
  if (!isRefusal(pay)) {
    const { total, signatures } = pay.payment;
    return {
      kind: 'compact payment',
      lines: [`channel ${pay.channel}`, `total ${formatAmount(total)}`, ...signatures.map((one) => `signature ${bytesToHex(one)}`)],
    };
  }
  const announce = decodeAnnounce(bytes);
  if (!isRefusal(announce)) {
    const deposits = announce.deposits.map(({ outpoint, value }) => `deposit ${outpoint.txid}:${outpoint.vout}, ${formatAmount(value)}`);
    return {
      kind: 'compact announcement',
      lines: [`payer key ${bytesToHex(announce.payerKey)}`, `expiry ${announce.expiry}`, ...deposits],
    };
  }
  const end = decodeEnd(bytes);
  if (isRefusal(end)) return undefined;
  const { total, fee, payerScript, without = [] } = end.agreement;
  const lines = [
    `channel ${end.channel}`,
    `total ${formatAmount(total)}, fee ${formatAmount(fee)}`,
    `rest to ${describeScript(payerScript)}`,
  ];
  return { kind: 'compact end', lines: [...lines, ...without.map((outpoint) => `without ${outpointKey(outpoint)}`)] };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
