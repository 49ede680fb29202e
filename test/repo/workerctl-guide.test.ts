import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { dayOf } from '../../cmd/workerctl/analytics-show.ts'
import { createProgram } from '../../cmd/workerctl/run.ts'
import { quietTerminal } from '../support/quiet-terminal.ts'
import { checkNames } from '../../src/admin/doctor/check.ts'
import { parseResetTarget } from '../../src/admin/offsets/reset-target.ts'
import { parseTime } from '../../src/admin/time-option.ts'
import { files, tableRows } from './source-files.ts'

const guide = 'docs/guide/workerctl.md'
const program = createProgram(quietTerminal())
const commands = new Map(leavesOf(program, []))

describe('the guide of workerctl', () => {
  const text = readFileSync(guide, 'utf8')
  const rows = tableRows(text.slice(text.indexOf('\n## Commands\n'), text.indexOf('\n## Options\n')))

  it('lists every command with its arguments and each of its options, and nothing else', () => {
    const listed = rows.flatMap(([names = '', options = '']) =>
      codeWords(names).map((name) => [name, codeWords(options).map(withoutValueName)] as const),
    )
    const existing = [...commands].map(([name, command]) => [synopsis(name, command), optionsOf(command)] as const)
    expect(existing.length).toBeGreaterThan(15)
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(existing))
    expect(listed).toHaveLength(existing.length)
  })

  it('lists the checks of doctor in the order in which they run', () => {
    const checks = tableRows(text.slice(text.indexOf('\n## Doctor\n'), text.indexOf('\n## Topics\n')))
    expect(checks.flatMap(([names = '']) => codeWords(names))).toEqual(checkNames)
  })

  it('says of every command what it does', () => {
    expect(rows.filter((cells) => cells.length !== 3 || cells[2] === '')).toEqual([])
  })

  it('explains the options of the program itself', () => {
    const explained = new Set(codeWords(text.slice(text.indexOf('\n## Options\n'), text.indexOf('\n## Offsets\n'))))
    expect(optionsOf(program).filter((option) => !explained.has(option))).toEqual([])
  })
})

/** By the name of the value in the usage line: how the command reads it. */
const times: Readonly<Record<string, (flag: string, text: string) => unknown>> = {
  time: (flag, text) => parseTime(flag, text, Date.now()),
  position: (_, text) => parseResetTarget(text, Date.now()),
  day: (_, text) => dayOf(text),
}
const documents = files.filter((path) => path.endsWith('.md') && path !== 'CHANGELOG.md')
const helpTexts = files.filter((path) => path.startsWith('cmd/workerctl/'))

describe('the commands of workerctl that the documents show', () => {
  it.each(documents)('exist with their options in %s', (path) => {
    const strange = typedIn(path).filter((line) => {
      const found = commandOf(line)
      const flags = [...line.matchAll(/(?<=\s)--[a-z-]+/g)].map(([flag]) => flag)
      if (found === undefined) return flags.length > 0
      return flags.some((flag) => flag !== '--help' && !found.options.some(({ long }) => long === flag))
    })
    expect(strange).toEqual([])
  })

  it.each([...documents, ...helpTexts].filter((path) => timesIn(path).length > 0))('give times that the program accepts in %s', (path) => {
    for (const { flag, parse, text } of timesIn(path)) expect(() => parse(flag, text)).not.toThrow()
  })
})

/** The commands that a file shows; only what is typed, because in prose the name of the program is followed by anything. */
function typedIn(path: string): readonly string[] {
  const shown = [...readFileSync(path, 'utf8').matchAll(/\bworkerctl (?:-- )?([a-z][^`\n&|;#]*)/g)].map(([, line = '']) => line)
  return shown.filter((line) => program.commands.some((command) => line.split(/[\s.,]/)[0] === command.name()))
}

/** Times, days and positions in these commands; without placeholders, which are in capitals. */
function timesIn(path: string) {
  return typedIn(path).flatMap((line) =>
    [...line.matchAll(/(?<=\s)(--[a-z-]+)[ =]([^\s[\]]+)/g)].flatMap(([, flag = '', text = '']) => {
      const option = commandOf(line)?.options.find(({ long }) => long === flag)
      const parse = times[/<(\w+)>/.exec(option?.flags ?? '')?.[1] ?? '']
      return parse === undefined || /^[A-Z]+$/.test(text) ? [] : [{ flag, parse, text }]
    }),
  )
}

function commandOf(line: string): Command | undefined {
  return [...commands].find(([name]) => `${line} `.startsWith(`${name} `))?.[1]
}

/** The commands that do something, by their full names. */
function leavesOf(command: Command, path: readonly string[]): readonly (readonly [string, Command])[] {
  if (command.commands.length === 0) return [[path.join(' '), command]]
  return command.commands.flatMap((child) => leavesOf(child, [...path, child.name()]))
}

/** Such as `intents show ID` and `intents retry [ID...]`. */
function synopsis(name: string, command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const word = `${argument.name().toUpperCase()}${argument.variadic ? '...' : ''}`
    return argument.required ? word : `[${word}]`
  })
  return [name, ...words].join(' ')
}

/** Such as `--yes` and `--group =`. */
function optionsOf(command: Command): readonly string[] {
  return command.options.map(({ long, required }) => `${long}${required ? ' =' : ''}`).toSorted()
}

function codeWords(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word.replaceAll('\\|', '|')).toSorted()
}

function withoutValueName(option: string): string {
  return option.replace(/ .*/, ' =')
}
