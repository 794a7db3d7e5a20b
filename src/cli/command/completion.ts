import { Argument, Command } from 'commander';
import { printer } from '../print.ts';

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
      printer(false).result(
        {},
        shell === 'fish' ? fish(words) : [...(shell === 'zsh' ? ['autoload -U bashcompinit && bashcompinit'] : []), ...bash(words)],
      );
    });
}

/** After a command, such as `wallet send` or none, what may come. */
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

function bash(words: Words): readonly string[] {
  const key = (path: string): string => (path === '' ? '' : `/${path.replaceAll(' ', '/')}`);
  const cases = [...words].map(([path, next]) => `    "${key(path)}") words="${next.join(' ')}" ;;`);
  const paths = [...words.keys()].map(key).join(' ');
  return [
    '_pawment() {',
    '  local path="" words="" word',
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    `    case " ${paths} " in *" $path/$word "*) path="$path/$word" ;; *) break ;; esac`,
    '  done',
    '  case "$path" in',
    ...cases,
    '  esac',
    `  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))`,
    '}',
    'complete -o default -F _pawment pawment',
  ];
}

function fish(words: Words): readonly string[] {
  return [...words].map(([path, next]) => {
    const seen = path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1)}`;
    return `complete -c pawment -n '${seen}' -a '${next.join(' ')}'`;
  });
}
