import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { checkConsumers } from '../../src/ingest/check-consumers.ts'
import { unsubscribeSignature } from '../../src/consumers/unsubscribe-link.ts'
import { exampleNamed, examples, examplesIn, writeExamples } from '../support/document-examples.ts'
import { sampleEvent } from '../support/sample-event.ts'

it('gives every TypeScript block of README and docs a name of its own', () => {
  expect(examples.filter(({ name }) => name === null)).toEqual([])
  const names = examples.map(({ name }) => name)
  expect(names.length).toBe(new Set(names).size)
  expect(names.length).toBeGreaterThan(2)
})

it('compiles all of them as strictly as the program', async () => {
  await using written = await writeExamples(examples)
  const config = {
    extends: join(process.cwd(), 'tsconfig.json'),
    compilerOptions: { typeRoots: [join(process.cwd(), 'node_modules/@types')] },
  }
  const project = join(written.folder, 'tsconfig.json')
  await writeFile(
    project,
    JSON.stringify({
      ...config,
      include: [],
      files: [join(process.cwd(), 'src/infra/kafka/patches/kafkajs-internals.d.ts'), ...written.paths],
    }),
  )
  const tsc = join(process.cwd(), 'node_modules/.bin/tsc')
  const complaints = await promisify(execFile)(tsc, ['-p', project]).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout,
  )
  expect(complaints).toBe('')
})

it('shows a consumer of 16 lines that the boot takes and that decides', async () => {
  const example = exampleNamed('consumer')
  expect(example.code.trimEnd().split('\n')).toHaveLength(16)
  await using written = await writeExamples([example])
  const { crmConsumer } = await import(written.paths[0] ?? '')
  expect(() => checkConsumers([crmConsumer])).not.toThrow()
  const event = sampleEvent('user.verified')
  expect(crmConsumer.accept(event)).toMatchObject([{ key: `crm:${event.id}`, campaignId: event.campaign_id }])
})

it('shows how the platform distinguishes a genuine unsubscribe link from another', async () => {
  await using written = await writeExamples([exampleNamed('unsubscribe')])
  const { isGenuine } = await import(written.paths[0] ?? '')
  const [user, secret] = ['b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55', 'a secret of the platform']
  expect(isGenuine(user, unsubscribeSignature(user, secret), secret)).toBe(true)
  expect(isGenuine(user, unsubscribeSignature(user, 'another secret'), secret)).toBe(false)
  expect(isGenuine(user, '', secret)).toBe(false)
})

it('finds blocks with and without a name', () => {
  const text = '<!-- example: a -->\n```ts\n1\n```\ntext\n```js\n2\n```\n```sh\n3\n```\n'
  expect(examplesIn('README.md', text).map(({ name, code }) => [name, code])).toEqual([
    ['a', '1\n'],
    [null, '2\n'],
  ])
})
