import { Command, type Option } from 'commander';
import { type CommonFlags, type Config, readConfig, resolveConfig, SECTIONS, type Section } from './config.ts';
import { commonOptions, type Settings, schemaOf } from './config-options.ts';
import { Interrupt } from './interrupt.ts';
import { failure, type Printer, printer } from './terminal/print.ts';

/** What every command gets: its settings, and a way to print. */
export interface Shell {
  readonly config: Config;
  readonly print: Printer;
  /** Takes what to report when the command is stopped half-way. */
  readonly stop: Interrupt;
}

/** A command with the settings that all share. */
export function command(name: string, description: string, examples: readonly string[]): Command {
  const made = new Command(name)
    .description(description)
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`)
    .hook('preAction', (hooked, acting) => {
      // A parent command has the hook too.
      if (hooked === acting) configure(acting);
    });
  for (const option of commonOptions()) made.addOption(option);
  return made;
}

/**
 * Adds settings from the config file where no flag gives them. Settings that the environment can give are decided where they are used. @throws
 * WorldError `config`
 */
function configure(acting: Command): void {
  const { config }: CommonFlags = acting.opts();
  const { common, own } = readConfig(config, process.env, sectionOf(acting));
  for (const [name, value] of Object.entries({ json: common['json'], ...own })) {
    const source = acting.getOptionValueSource(name);
    if (value !== undefined && (source === undefined || source === 'default')) acting.setOptionValueWithSource(name, value, 'config');
  }
}

/** A command's flags without those that all share: the settings that its section of the config file may have. */
export function ownOptions({ options }: Command): readonly Option[] {
  const common = new Set(commonOptions().map((option) => option.attributeName()));
  return options.filter((option) => !common.has(option.attributeName()));
}

/** The settings in a command's section of the config file. @throws WorldError `config` */
export function ownSettings(of: Command, { config }: CommonFlags): Settings {
  return readConfig(config, process.env, sectionOf(of)).own;
}

function sectionOf(acting: Command): Section | undefined {
  const name = SECTIONS.find((one) => one === acting.name());
  return name && { name, schema: schemaOf(ownOptions(acting)) };
}

/**
 * Runs a command's work; an error is printed with what to do about it, and becomes the exit code. If the command is stopped, it reports what it has
 * done.
 */
export async function run(flags: CommonFlags, work: (shell: Shell) => Promise<void>): Promise<void> {
  const print = printer(flags.json === true);
  const stop = new Interrupt();
  const deaf = stop.listen((stopped) => process.exit(failure(stopped, print)));
  let ticker: string | undefined;
  try {
    const config = resolveConfig(flags, process.env);
    ticker = config.coin.ticker;
    await work({ config, print, stop });
  } catch (error) {
    process.exitCode = failure(error, print, ticker);
  } finally {
    deaf();
  }
}
