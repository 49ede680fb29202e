import type { Sql } from '../../../src/std/sql.ts'
import type { LogRecord } from '../../invariants/history.ts'
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
  readonly groups: readonly string[]
}

/** Adds what can only be read when all is over: the records of the topics, every commit, the rows of the tables; and the last line. */
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
  await readOffsetsLog(brokers, topic, groups, (entry) => recorder.record(entry))
  await readRows(sql, (row) => recorder.record(row))
  recorder.end()
}
