import type { Command } from 'commander'
import { createProgram } from '../../cmd/workerctl/run.ts'
import { quietTerminal } from './quiet-terminal.ts'

/** A verb with what its `--help` prints and the commands that this shows. */
export interface VerbHelp {
  readonly verb: string
  readonly help: string
  /** Arguments after `workerctl`, one list for each example. */
  readonly examples: readonly (readonly string[])[]
}

/** Every verb that does something, with its help. */
export function verbHelps(): readonly VerbHelp[] {
  const out: string[] = []
  const program = createProgram(quietTerminal({ out: (line) => out.push(line) }))
  return leavesOf(program, []).map(([verb, command]) => {
    out.length = 0
    command.outputHelp()
    const help = out.join('\n')
    return { verb, help, examples: [...help.matchAll(/^ {2}npm run (?:-s )?workerctl -- (.*)$/gm)].map(([, line = '']) => wordsOf(line)) }
  })
}

/** The commands that do something, by their full names. */
export function leavesOf(command: Command, path: readonly string[]): readonly (readonly [string, Command])[] {
  if (command.commands.length === 0) return [[path.join(' '), command]]
  return command.commands.flatMap((child) => leavesOf(child, [...path, child.name()]))
}

/** Words as a shell splits them, without redirections; a remark after two spaces does not belong to the command. */
function wordsOf(line: string): readonly string[] {
  const command = line.replace(/ {2,}.*$/, '').replace(/ >>? .*$/, '')
  return [...command.matchAll(/(["'])(.*?)\1|(\S+)/g)].map(([, , quoted, word = '']) => quoted ?? word)
}
