import { expect, it } from 'vitest'
import { prepareEach } from '../../../src/model/intent-kind.ts'
import { noSql } from '../../support/memory-intent-store.ts'
import { sampleIntent } from '../../support/sample-intent.ts'

it('a function that prepares one intent answers for each of a block, in their order, one after another', async () => {
  let under = 0
  let most = 0
  const prepare = prepareEach<string>(async ({ id }) => {
    most = Math.max(most, (under += 1))
    await Promise.resolve()
    under -= 1
    return { is: 'message', message: id }
  })
  const answers = await prepare(
    ['1', '2', '3'].map((id) => sampleIntent({ id })),
    noSql,
  )
  expect(answers).toEqual(['1', '2', '3'].map((message) => ({ is: 'message', message })))
  expect(most).toBe(1)
})
