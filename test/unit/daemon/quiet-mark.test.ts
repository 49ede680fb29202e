import { expect, it } from 'vitest'
import type { QuietProcess } from '../../../src/admin/status/status-facts.ts'
import { createQuietMark } from '../../../src/daemon/quiet-mark.ts'

it('a process is marked as quiet again and again while it is, once as no longer quiet, and not at all if it never was', async () => {
  const marks: (QuietProcess | null)[] = []
  let since: number | null = null
  let isAway = false
  const mark = createQuietMark({
    mark: async (quiet) => {
      if (isAway) throw new Error('the database is away')
      marks.push(quiet)
    },
    since: () => since,
    pid: 7,
    host: 'a-host',
  })
  const quiet = { since: new Date(1_000), pid: 7, host: 'a-host' }
  await mark()
  expect(marks).toEqual([])
  since = 1_000
  await mark()
  await mark()
  expect(marks).toEqual([quiet, quiet])
  since = null
  isAway = true
  await expect(mark()).rejects.toThrow('the database is away')
  isAway = false
  await mark()
  await mark()
  expect(marks).toEqual([quiet, quiet, null])
})
