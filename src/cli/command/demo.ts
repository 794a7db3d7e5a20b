import { Command, Option } from 'commander';
import { narrator, silence } from '../demo/narrator.ts';
import { openStage } from '../demo/stage.ts';
import { printResult, type StoryResult, tell } from '../demo/story.ts';
import { wholeNumber } from '../flag/number.ts';
import { run, type Shell } from '../run-command.ts';

interface DemoFlags {
  readonly payments: number;
  readonly form: 'psbt' | 'compact';
  readonly explain?: true;
  readonly json?: boolean;
}

/** `pawment demo`: two whole channels on a chain, with a merchant's server, in this one process. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('Show two channels from opening to close and refund, on a chain of its own')
    .option('--payments <count>', 'payments through the first channel', wholeNumber(1, 1_000_000), 1000)
    .addOption(new Option('--form <form>', 'how payments travel').choices(['psbt', 'compact']).default('psbt'))
    .option('--explain', 'print every PSBT, script and transaction decoded')
    .option('--json', 'end with one JSON object, and print nothing else')
    .addHelpText('after', '\nExamples:\n  pawment demo\n  pawment demo --explain --payments 10\n  pawment demo --json')
    .action((flags: DemoFlags) => run(flags, (shell) => show(shell, flags)));
}

async function show({ print, stop }: Shell, { payments, form, explain, json }: DemoFlags): Promise<void> {
  const voice = json ? silence : narrator(process.stdout);
  stop.say(async () => {
    voice.end();
    return {
      message: 'Stopped. The demo used its own chain and its own coins: nothing of it remains.',
      advice: 'Run it again to start from the beginning.',
    };
  });
  const stage = await openStage(form);
  try {
    voice.heading('pawment: pay many times, touch the chain twice');
    voice.fact('chain', `Dogecoin's rules, at block ${stage.regtest.tip.height}, ${stage.rpcUrl}`);
    voice.fact('merchant', stage.merchantUrl);
    voice.fact('signatures', `checked by ${stage.verifier}`);
    const result = await tell(stage, voice, { payments, explain: explain === true });
    printResult(voice, result);
    if (json) print.result(asJson(result), []);
  } finally {
    await stage.close();
  }
}

function asJson(result: StoryResult): object {
  return { ...result, onChainTransactions: result.channels[0]?.transactions.length };
}
