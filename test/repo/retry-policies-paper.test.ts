import { expect, it } from 'vitest'
import { paper, renderRetryPolicies } from './retry-policies-paper.ts'

it('docs/reference/states.md has the delays of every retry policy; `npx vitest run --project repo test/repo/retry-policies-paper.test.ts -u` renders them', async () => {
  const text = await renderRetryPolicies()
  expect(text).toMatch(/^\| `email` .*\n\| `webhook` /m)
  await expect(text).toMatchFileSnapshot(`../../${paper}`)
})
