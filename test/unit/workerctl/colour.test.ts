import { expect, test } from 'vitest'
import { coloured } from '../../../cmd/workerctl/colour.ts'
import { renderTable } from '../../../cmd/workerctl/render-table.ts'

const terminal = { isTerminal: true, environment: {} }
const red = (text: string) => `\u001B[31m${text}\u001B[39m`

test('a verdict is coloured on a terminal only, and not with NO_COLOR', () => {
  expect(coloured(terminal, 'stalled')).toBe(red('stalled'))
  expect(coloured({ ...terminal, isTerminal: false }, 'stalled')).toBe('stalled')
  expect(coloured({ ...terminal, environment: { NO_COLOR: '1' } }, 'stalled')).toBe('stalled')
  expect(coloured(terminal, 'Stable')).toBe('Stable')
})

test('colours leave the columns of a table aligned', () => {
  const rows = [
    ['one', 'stalled', 'x'],
    ['two', 'no-member', 'y'],
  ]
  expect(renderTable(['GROUP', 'VERDICT', 'MORE'], rows, 80, terminal)).toBe(
    [`GROUP  VERDICT    MORE`, `one    ${red('stalled')}    x`, `two    ${red('no-member')}  y`].join('\n'),
  )
  expect(renderTable(['GROUP', 'VERDICT', 'MORE'], rows, null, { ...terminal, isTerminal: false })).not.toContain('\u001B')
})
