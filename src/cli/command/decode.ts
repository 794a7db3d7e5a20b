import { readFileSync } from 'node:fs';
import { base64, base64urlnopad } from '@scure/base';
import type { Command } from 'commander';
import { type Amount, formatAmount } from '../../core/base/amount.ts';
import { bytesToHex, parseHex } from '../../core/base/bytes.ts';
import { isRefusal } from '../../core/base/refusal.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { decodeAnnounce, decodeEnd, decodePay } from '../../core/message/compact.ts';
import { readScript } from '../../core/tx/script.ts';
import { decodeTransaction, outpointKey } from '../../core/tx/transaction.ts';
import { WorldError } from '../../engine/ports.ts';
import type { CommonFlags } from '../config.ts';
import { command, run } from '../run-command.ts';
import { describePsbt, describeScript, describeTransaction, psbtFacts, scriptFacts, transactionFacts } from '../terminal/describe.ts';

export function decodeCommand(): Command {
  return command('decode', 'Show what a transaction, script, PSBT or compact message contains', [
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
          throw new WorldError('config', 'These bytes are of no kind that pawment knows.', 'Check that they are complete.');
        print.result({ kind: found.kind, ...found.facts }, [`a ${found.kind}`, ...found.lines]);
      }),
    );
}

interface Found {
  readonly kind: 'PSBT' | 'transaction' | 'script' | 'compact payment' | 'compact announcement' | 'compact end';
  readonly facts: object;
  readonly lines: readonly string[];
}

export function recognise(coin: Coin, bytes: Uint8Array): Found | undefined {
  const psbt = psbtFacts(coin, bytes);
  if (psbt !== undefined) return { kind: 'PSBT', facts: psbt, lines: describePsbt(coin, bytes) };
  const compact = describeCompact(coin, bytes);
  if (compact !== undefined) return compact;
  const transaction = decodeTransaction(bytes);
  if (transaction !== undefined && transaction.inputs.length > 0)
    return { kind: 'transaction', facts: transactionFacts(coin, transaction), lines: describeTransaction(coin, transaction) };
  return readScript(bytes) === undefined ? undefined : { kind: 'script', facts: scriptFacts(bytes), lines: [describeScript(bytes)] };
}

function describeCompact({ ticker }: Coin, bytes: Uint8Array): Found | undefined {
  const money = (value: Amount): string => `${formatAmount(value)} ${ticker}`;
  const pay = decodePay(bytes);
  if (!isRefusal(pay)) {
    const { channel, payment } = pay;
    const signatures = payment.signatures.map((one) => bytesToHex(one));
    const hash = payment.hash && bytesToHex(payment.hash);
    const under = hash === undefined ? [] : [`revocation hash ${hash}`];
    const lines = [`channel ${channel}`, `total ${money(payment.total)}`, ...under, ...signatures.map((one) => `signature ${one}`)];
    return { kind: 'compact payment', facts: { channel, total: payment.total, ...(hash && { hash }), signatures }, lines };
  }
  const announce = decodeAnnounce(bytes);
  if (!isRefusal(announce)) {
    const { expiry } = announce;
    const payerKey = bytesToHex(announce.payerKey);
    const deposits = announce.deposits.map(({ outpoint, value }) => ({ ...outpoint, value }));
    const lines = deposits.map(({ txid, vout, value }) => `deposit ${txid}:${vout}, ${money(value)}`);
    const penaltyKey = announce.penaltyKey && bytesToHex(announce.penaltyKey);
    const facts = { payerKey, expiry, ...(penaltyKey && { penaltyKey }), deposits };
    const punishing = penaltyKey === undefined ? [] : [`penalty key ${penaltyKey}`];
    return { kind: 'compact announcement', facts, lines: [`payer key ${payerKey}`, ...punishing, `expiry ${expiry}`, ...lines] };
  }
  const end = decodeEnd(bytes);
  if (isRefusal(end)) return undefined;
  const { channel, agreement } = end;
  const { total, fee, payerScript, without = [] } = agreement;
  const left = without.map((outpoint) => outpointKey(outpoint));
  return {
    kind: 'compact end',
    facts: { channel, total, fee, payerScript: scriptFacts(payerScript), without: left },
    lines: [
      `channel ${channel}`,
      `total ${money(total)}, fee ${money(fee)}`,
      `rest to ${describeScript(payerScript)}`,
      ...left.map((outpoint) => `without ${outpoint}`),
    ],
  };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
