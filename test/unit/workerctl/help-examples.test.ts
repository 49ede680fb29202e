import { describe, expect, it } from 'vitest'
import { createProgram } from '../../../cmd/workerctl/run.ts'
import { leavesOf, verbHelps } from '../../support/workerctl-examples.ts'

const helps = verbHelps()

/** Parses as the program does and runs nothing; returns the verb that would run. */
async function parsed(args: readonly string[]): Promise<string> {
  let called = ''
  const program = createProgram({
    environment: {},
    out: () => undefined,
    err: () => undefined,
    isTerminal: false,
    columns: null,
    ask: null,
  })
  for (const [verb, command] of leavesOf(program, [])) command.action(() => void (called = verb))
  await program.parseAsync([...args], { from: 'user' })
  return called
}

describe.each(helps)('the help of $verb', ({ verb, help, examples }) => {
  it('ends with an example', () => {
    expect(help.trimEnd().split('\n').at(-1)).toMatch(/^ {2}npm run (?:-s )?workerctl -- /)
    expect(examples.map((args) => args.join(' ')).filter((line) => `${line} `.startsWith(`${verb} `))).not.toEqual([])
  })

  it('shows only commands that the program accepts', async () => {
    for (const args of examples) expect(args.join(' ').startsWith(await parsed(args))).toBe(true)
  })
})

it('an option that does not exist makes an example fail', async () => {
  await expect(parsed(['timeline', '--nobody'])).rejects.toThrow("unknown option '--nobody'")
})
