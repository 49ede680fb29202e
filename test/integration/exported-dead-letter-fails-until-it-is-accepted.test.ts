import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { letterFixture } from '../../src/admin/dead-letters/letter-fixture.ts'
import { runProcess } from '../mutants/run-process.ts'
import { workCopy } from '../mutants/work-copy.ts'
import { deadLetter as letter, emailReader as reader } from '../support/dead-letter.ts'
import { recordOf } from '../support/log-records.ts'
import { sampleEvent } from '../support/sample-event.ts'

test('the test that is exported with a dead letter fails for its reason, holds no personal data, and passes once the code accepts the event', async () => {
  const event = sampleEvent('user.signed_up')
  const secret = `${'Winifred'.repeat(130)}@mail.example.org`
  const record = recordOf(0, JSON.stringify({ ...event, data: { ...event.data, email: secret, phone: 'Winifred 777' } }))
  const { name, json, test: text } = letterFixture(letter, record, reader, '../../../src')
  expect(name).toBe('dead-letter-stage-email-workers-3-4711')
  expect(json + text).not.toMatch(/Winifred|mail\.example\.org|777/)

  const copy = await workCopy(process.cwd())
  try {
    const folder = join(copy.path, 'test/unit/dead-letters')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, `${name}.json`), json)
    await writeFile(join(folder, `${name}.test.ts`), text)
    const run = () =>
      runProcess('npx', ['vitest', 'run', '--project', 'unit', `test/unit/dead-letters/${name}.test.ts`], {
        cwd: copy.path,
        env: {},
        signal: AbortSignal.timeout(200_000),
      })
    const before = await run()
    expect(before.code).toBe(1)
    expect(before.output).toContain('invalid-data: /email breaks maxLength')

    const schema = join(copy.path, 'src/events/catalogue/schema.ts')
    await writeFile(schema, (await readFile(schema, 'utf8')).replace('maxLength: 1_000', 'maxLength: 10_000'))
    expect((await run()).code).toBe(0)
  } finally {
    await copy.remove()
  }
})

test('a dead letter that would not fail where its event is decoded and decided is not exported', () => {
  const accepted = recordOf(0, JSON.stringify(sampleEvent('user.signed_up')))
  expect(() => letterFixture({ ...letter, reason: 'database-rejected' }, accepted, reader, '.')).toThrow('the database refuses it')
  expect(() => letterFixture({ ...letter, reason: 'id-conflict' }, accepted, reader, '.')).toThrow('its id is on record for another event')
  expect(() => letterFixture(letter, accepted, reader, '.')).toThrow('replay it')
})
