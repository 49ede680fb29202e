import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { kafkaMetadata } from '../../../stack/kafka-metadata.ts'
import { freshDatabase, freshGroupName, freshTopicName, templateDatabase } from '../../support/fresh.ts'

test('the broker and the database of the run are provided to its tests', async () => {
  const [address = ''] = inject('kafkaBootstrap')
  const { brokers } = await kafkaMetadata(Number(address.split(':')[1]), AbortSignal.timeout(5_000))
  expect(brokers.map(({ host, port }) => `${host}:${port}`)).toEqual(inject('kafkaBootstrap'))
  expect(await select(inject('postgresUrl'), 'SELECT current_database() AS value')).toBe('postgres')
})

test('two fresh databases copied from one template start with its rows and are independent', async () => {
  let preparations = 0
  const prepare = async (url: string) => {
    preparations++
    await select(url, 'CREATE TABLE n AS SELECT 1 AS value')
  }
  const template = await templateDatabase('shared_stack_test', prepare)
  expect(await templateDatabase('shared_stack_test', prepare)).toBe(template)
  expect(preparations).toBe(1)

  const [one, two] = await Promise.all([freshDatabase({ template }), freshDatabase({ template })])
  await select(one.url, 'UPDATE n SET value = 2')
  expect(await select(one.url, 'SELECT value FROM n')).toBe(2)
  expect(await select(two.url, 'SELECT value FROM n')).toBe(1)
  await Promise.all([one.drop(), two.drop()])
  await expect(select(one.url, 'SELECT 1 AS value')).rejects.toThrow(/does not exist/)
})

test('fresh names do not repeat', () => {
  expect(freshTopicName()).not.toBe(freshTopicName())
  expect(freshGroupName()).not.toBe(freshGroupName())
})

async function select(connectionString: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    const { rows } = await client.query<{ value: unknown }>(sql)
    return rows[0]?.value
  } finally {
    await client.end()
  }
}
