import { Argument, type Command } from 'commander'
import { knownChoice } from './known-choice.ts'
import type { Terminal } from './terminal.ts'

const HELP = `
Completes commands and options of a command named workerctl, such as npm link makes of a clone, or an alias for npm run -s workerctl --.

Examples:
  npm run -s workerctl -- completion bash >> ~/.bashrc
  npm run -s workerctl -- completion zsh >> ~/.zshrc`

export function addCompletion(program: Command, terminal: Terminal): void {
  program
    .command('completion')
    .description('print the completion of a shell')
    .addArgument(knownChoice(new Argument('<shell>', 'the shell'), 'shell', ['bash', 'zsh']))
    .addHelpText('after', HELP)
    .action((shell: 'bash' | 'zsh') => terminal.out(completionScript(program, shell)))
}

/** A script that completes the commands and options of a program, for bash, and for zsh by its emulation of bash. Words are those of commands only: nothing is run or queried. */
function completionScript(program: Command, shell: 'bash' | 'zsh'): string {
  const all = pathsOf(program, '')
  const name = program.name()
  return [
    ...(shell === 'zsh' ? ['autoload -U +X compinit && compinit', 'autoload -U +X bashcompinit && bashcompinit'] : []),
    `_${name}() {`,
    `  local current="\${COMP_WORDS[COMP_CWORD]}" command="" word words=""`,
    '  for word in "${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}"; do',
    '    case "$command $word" in',
    `      ${[...all.keys()]
      .filter((path) => path !== '')
      .map((path) => `" ${path}"`)
      .join('|')}) command="$command $word" ;;`,
    '    esac',
    '  done',
    '  case "$command" in',
    ...[...all].map(([path, words]) => `    "${path === '' ? '' : ` ${path}`}") words="${words.join(' ')}" ;;`),
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    `complete -F _${name} ${name}`,
  ].join('\n')
}

/** By the words of each command, what may come next: its commands, choices and options. */
function pathsOf(command: Command, path: string): ReadonlyMap<string, readonly string[]> {
  const names = command.commands.flatMap((child) => [child.name(), ...child.aliases()])
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices)
  const options = [...command.options.map(({ long }) => long ?? ''), '--help']
  return new Map([
    [path, [...names, ...choices, ...options].filter((word) => word !== '')],
    ...command.commands.flatMap((child) =>
      [child.name(), ...child.aliases()].flatMap((name) => [...pathsOf(child, path === '' ? name : `${path} ${name}`)]),
    ),
  ])
}
