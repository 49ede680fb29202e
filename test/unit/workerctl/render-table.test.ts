import { expect, test } from 'vitest'
import { renderTable } from '../../../cmd/workerctl/render-table.ts'

const person = '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33'
const header = ['ID', 'PERSON', 'CAMPAIGN', 'REASON']
const rows = [
  [1, person, person, 'endpoint-open'],
  [22, person, person, null],
] as const

test('nothing is truncated without a terminal', () => {
  expect(renderTable(header, rows, null)).toBe(
    [
      `ID  PERSON                                CAMPAIGN                              REASON`,
      ` 1  ${person}  ${person}  endpoint-open`,
      `22  ${person}  ${person}  -`,
    ].join('\n'),
  )
})

test('on a terminal the widest texts are truncated, numbers never, and no line exceeds its width', () => {
  const lines = renderTable(header, rows, 60).split('\n')
  expect(lines.map(({ length }) => length <= 60)).toEqual([true, true, true])
  expect(lines[1]).toBe(' 1  0c9e6c1f-3b1d-4f0e…  0c9e6c1f-3b1d-4f0e-…  endpoint-open')
})

test('where truncation is not enough each row becomes a block of lines with its full content', () => {
  expect(renderTable(header, rows, 24)).toBe(
    [
      `ID        1\nPERSON    ${person}\nCAMPAIGN  ${person}\nREASON    endpoint-open`,
      `ID        22\nPERSON    ${person}\nCAMPAIGN  ${person}\nREASON    -`,
    ].join('\n\n'),
  )
})
