import { expect, it, test } from 'vitest'
import { createProgram } from '../../../cmd/workerctl/run.ts'
import { widthOf } from '../../../cmd/workerctl/terminal.ts'
import { quietTerminal } from '../../support/quiet-terminal.ts'

const terminal = { isTTY: true, columns: 120 }
const pipe = {}

it.each([
  ['a terminal', terminal, {}, 120],
  ['a terminal of unknown width', { isTTY: true, columns: 0 }, {}, null],
  ['a pipe', pipe, {}, null],
  ['a pipe with COLUMNS', pipe, { COLUMNS: '60' }, 60],
  ['a terminal with COLUMNS', terminal, { COLUMNS: '60' }, 60],
  ['a pipe with empty COLUMNS', pipe, { COLUMNS: '' }, null],
  ['a pipe with COLUMNS of 0', pipe, { COLUMNS: '0' }, null],
  ['a terminal with COLUMNS that are no number', terminal, { COLUMNS: 'wide' }, 120],
])('the width of %s', (_, stdout, environment, width) => {
  expect(widthOf(stdout, environment)).toBe(width)
})

test('help is wrapped at the width of the output', async () => {
  expect([await widest(null), await widest(120)].map((width) => Math.ceil(width / 10) * 10)).toEqual([80, 120])
})

/** The widest line of the commands in the help. */
async function widest(columns: number | null): Promise<number> {
  const out: string[] = []
  const program = createProgram(quietTerminal({ out: (line) => out.push(line), columns }))
  await expect(program.parseAsync(['--help'], { from: 'user' })).rejects.toThrow('(outputHelp)')
  const commands = out.join('\n').split('Commands:')[1]?.split('\n\n')[0] ?? ''
  return Math.max(...commands.split('\n').map(({ length }) => length))
}
