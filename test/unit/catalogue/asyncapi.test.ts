import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Parser } from '@asyncapi/parser'
import { expect, it } from 'vitest'
import { asyncApiYaml } from '../../../cmd/catalogue/run.ts'
import { listedConsumers } from '../../../src/consumers/registry.ts'
import { eventTypes } from '../../../src/events/catalogue/catalogue.ts'

const text = asyncApiYaml()
// Its module for import names files without their endings.
const asyncapi: { Parser: typeof Parser } = createRequire(import.meta.url)('@asyncapi/parser')

it('is the document that is checked in', () => {
  expect(readFileSync(new URL('../../../config/events/asyncapi.yaml', import.meta.url), 'utf8')).toBe(text)
})

it('is valid AsyncAPI 3.0.0, with all events, and an operation for each group', async () => {
  const { document, diagnostics } = await new asyncapi.Parser().parse(text)
  expect(diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version')).toEqual([])
  expect(document?.version()).toBe('3.0.0')
  expect(
    document
      ?.messages()
      .all()
      .map((message) => message.name())
      .toSorted(),
  ).toEqual(eventTypes.toSorted())
  const receiving =
    document
      ?.operations()
      .all()
      .filter((operation) => operation.isReceive()) ?? []
  expect(receiving.map((operation) => operation.id())).toEqual(listedConsumers.map(({ name }) => name))
})

it('is refused by the parser where a channel is missing', async () => {
  const { document } = await new asyncapi.Parser().parse(text.replace(/^channels:\n(?: .*\n)+/m, ''))
  expect(document).toBeUndefined()
})
