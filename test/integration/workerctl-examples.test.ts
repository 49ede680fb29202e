import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { helps, here, verbs } from './example-expectations.ts'
import { createExampleWorld, type ExampleWorld } from './example-world.ts'

let world: ExampleWorld
beforeAll(async () => {
  world = await createExampleWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

it('every verb of workerctl has an expectation for each example of its help, and there are no others', () => {
  const expected = Object.entries(verbs).map(([verb, { examples }]) => [verb, examples.length])
  expect(Object.fromEntries(expected)).toEqual(Object.fromEntries(helps.map(({ verb, examples }) => [verb, examples.length])))
})

describe('the examples in the help of', () => {
  it.each(helps)('$verb do what they are there for', async ({ verb, examples }) => {
    const { before, run = here, atOnce = false, examples: expected = [] } = verbs[verb] ?? {}
    const one = async (args: readonly string[], index: number) => {
      await before?.(world, args)
      const { code, out, err } = await run(world, world.substituted(args))
      const [wanted, says] = expected[index] ?? [0, /^$/]
      return { line: args.join(' '), code, wanted, says, out: [out, err].filter((text) => text !== '').join('\n') }
    }
    const ran = []
    if (atOnce) ran.push(...(await Promise.all(examples.map(one))))
    else for (const [index, args] of examples.entries()) ran.push(await one(args, index))
    for (const { line, code, wanted, says, out } of ran) {
      expect({ line, code, out }).toEqual({ line, code: wanted, out: expect.stringMatching(says) })
    }
  })
})
