import { Argument, Command } from 'commander';
import { printer } from '../terminal/print.ts';

type Shell = 'bash' | 'zsh' | 'fish';

/** `pawment completion bash`: what a shell needs to complete commands and flags, made from the commands themselves. */
export function completionCommand(all: () => Promise<readonly Command[]>): Command {
  return new Command('completion')
    .description('Print what a shell needs to complete commands and flags')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(pawment completion bash)\n  pawment completion fish > ~/.config/fish/completions/pawment.fish',
    )
    .action(async (shell: Shell) => {
      const words = wordsOf(await all());
      printer(false).result({}, shell === 'fish' ? fish(words) : [...(shell === 'zsh' ? ZSH : []), ...bash(words)]);
    });
}

/** The words that may follow a command, such as `wallet send` or none. */
type Words = ReadonlyMap<string, readonly string[]>;

export function wordsOf(commands: readonly Command[]): Words {
  const words = new Map<string, readonly string[]>([['', commands.map((command) => command.name())]]);
  const add = (command: Command, path: string): void => {
    const flags = command.options.flatMap(({ long }) => long ?? []);
    words.set(path, [...command.commands.map((child) => child.name()), ...flags, '--help']);
    for (const child of command.commands) add(child, `${path} ${child.name()}`);
  };
  for (const command of commands) add(command, command.name());
  return words;
}

/** Does not use `path` or `words` as names: zsh runs this too, and there they are special. */
function bash(words: Words): readonly string[] {
  const cases = [...words].map(([path, next]) => `    "${placeOf(path)}") next="${next.join(' ')}" ;;`);
  const places = [...words.keys()].map(placeOf).join(' ');
  return [
    '_pawment() {',
    '  local at="" next="" word',
    `  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do`,
    `    case " ${places} " in *" $at/$word "*) at="$at/$word" ;; *) break ;; esac`,
    '  done',
    '  case "$at" in',
    ...cases,
    '  esac',
    `  COMPREPLY=($(compgen -W "$next" -- "\${COMP_WORDS[COMP_CWORD]}"))`,
    '}',
    'complete -o default -F _pawment pawment',
  ];
}

const ZSH = ['(( $+functions[compdef] )) || { autoload -U compinit && compinit }', 'autoload -U bashcompinit && bashcompinit'];

function fish(words: Words): readonly string[] {
  const places = [...words.keys()].map((path) => `'${placeOf(path)}'`).join(' ');
  return [
    'function __pawment_at',
    "  set -l at ''",
    '  for word in (commandline -opc)[2..-1]',
    `    contains -- "$at/$word" ${places}; or break`,
    '    set at "$at/$word"',
    '  end',
    '  echo -- $at',
    'end',
    ...[...words].map(([path, next]) => {
      const noFiles = next.some((word) => !word.startsWith('--')) ? ' -f' : '';
      return `complete -c pawment${noFiles} -n "test (__pawment_at) = '${placeOf(path)}'" -a '${next.join(' ')}'`;
    }),
  ];
}

function placeOf(path: string): string {
  return path === '' ? '' : `/${path.replaceAll(' ', '/')}`;
}
