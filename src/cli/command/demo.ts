import { Command, Option } from 'commander';
import { narrator, silence } from '../demo/narrator.ts';
import { openStage } from '../demo/stage.ts';
import { printResult, type StoryResult, tell } from '../demo/story.ts';

interface DemoFlags {
  readonly payments: number;
  readonly form: 'psbt' | 'compact';
  readonly explain?: true;
  readonly json?: true;
}

/** `pawment demo`: two whole channels on a chain, with a merchant's server, in this one process. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('Show two channels from opening to close and refund, on a chain of its own')
    .option('--payments <count>', 'payments through the first channel', wholeNumber, 1000)
    .addOption(new Option('--form <form>', 'how payments travel').choices(['psbt', 'compact']).default('psbt'))
    .option('--explain', 'print every PSBT, script and transaction decoded')
    .option('--json', 'end with one JSON object, and print nothing else')
    .addHelpText('after', '\nExamples:\n  pawment demo\n  pawment demo --explain --payments 10\n  pawment demo --json')
    .action(async ({ payments, form, explain, json }: DemoFlags) => {
      const voice = json ? silence : narrator(process.stdout);
      const stage = await openStage(form);
      try {
        voice.heading('pawment: pay many times, touch the chain twice');
        voice.fact('chain', `Dogecoin's rules, at block ${stage.regtest.tip.height}, ${stage.rpcUrl}`);
        voice.fact('merchant', stage.merchantUrl);
        voice.fact('signatures', `checked by ${stage.verifier}`);
        const result = await tell(stage, voice, { payments, explain: explain === true });
        printResult(voice, result);
        if (json) process.stdout.write(`${JSON.stringify(asJson(result))}\n`);
      } finally {
        await stage.close();
      }
    });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000) throw new Error(`${text} is not a number of payments`);
  return value;
}

/** Amounts in koinu, as decimal digits. */
function asJson({ paid, returned, refunded, fees, onChainFees, channels, ...rest }: StoryResult): object {
  return {
    ...rest,
    onChainTransactions: channels[0]?.transactions.length,
    paid: String(paid),
    returned: String(returned),
    refunded: String(refunded),
    fees: String(fees),
    onChainFees: String(onChainFees),
    channels: channels.map(({ id, transactions }) => ({ id, transactions: transactions.map((tx) => ({ ...tx, fee: String(tx.fee) })) })),
  };
}
