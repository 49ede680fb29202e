import type { Sql } from '../../../src/std/sql.ts'
import type { Group, LogRecord } from '../../invariants/history.ts'
import { readOffsetsLog } from './offsets-log.ts'
import { readTopic } from './read-topic.ts'
import type { Recorder } from './recorder.ts'
import { readRows } from './table-rows.ts'

export interface Remaining {
  readonly recorder: Recorder
  readonly brokers: readonly string[]
  readonly sql: Sql
  readonly topic: string
  readonly deadLetterTopics: readonly string[]
  readonly groups: readonly Group[]
}

/** Adds what can only be read at the end: the records of the topics, every commit, the rows of the tables; and the last line. */
export async function completeHistory({ recorder, brokers, sql, topic, deadLetterTopics, groups }: Remaining): Promise<void> {
  for (const name of [topic, ...deadLetterTopics]) {
    await readTopic(brokers, name, (partition, { offset, timestamp, headers = {}, value }) => {
      const entry: LogRecord = {
        is: 'record',
        partition,
        offset: Number(offset),
        timestamp: Number(timestamp),
        headers: Object.fromEntries(
          Object.entries(headers).map(([key, text]) => [key, Array.isArray(text) ? text.map(String) : String(text)]),
        ),
        value: value?.toString('base64') ?? null,
      }
      recorder.record(name === topic ? entry : { ...entry, topic: name })
    })
  }
  const groupIds = groups.map(({ id }) => id)
  await readOffsetsLog(brokers, topic, groupIds, (entry) => recorder.record(entry))
  await readRows(sql, (row) => recorder.record(row))
  for (const group of groups) await recordCounts(recorder, sql, group)
  recorder.end()
}

/** Records the rows of the tables in which a group counts events: a count is named after its table, which has a column per field. */
async function recordCounts(recorder: Recorder, sql: Sql, { id, counts = [] }: Group): Promise<void> {
  for (const { name, by } of counts) {
    const columns = by.map((field) => `${field}::text`).join(', ')
    const rows = await sql.query<{ values: string[]; count: string }>(`SELECT ARRAY[${columns}] AS values, count FROM ${name}`)
    for (const { values, count } of rows) recorder.record({ is: 'counted', group: id, name, by: values, count: Number(count) })
  }
}
