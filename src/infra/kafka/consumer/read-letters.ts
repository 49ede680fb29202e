import { deadLetterTopic, withoutLetterHeaders } from '../../../ingest/dead-letter.ts'
import type { LetterPlace } from '../../../ingest/letter-store.ts'
import type { LogAdmin } from '../../../ingest/log-admin.ts'
import type { LogRecord } from '../../../ingest/record-source.ts'
import { OperatorError } from '../../../std/failure.ts'
import type { KafkaSettings } from '../client/kafka-client.ts'
import { readTopicRanges } from './read-topic-since.ts'

/** The record of a dead letter, as it was published. */
export interface ReadLetter {
  readonly record: LogRecord
  /** Where it is now: on the dead-letter topic, or where it was. */
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Our headers on the dead-letter topic, as text; empty for a record that was read where it was. */
  readonly letterHeaders: Readonly<Record<string, string>>
}

/** A dead letter of one group and topic, and when it was given up. */
export type GivenUp = LetterPlace & { readonly at: Date }

/** A publisher's clock, the broker's and the database's differ by less, and a letter is put on its topic before its row is written. */
const SLACK_MS = 3_600_000
/** Of values, in one command. */
const MOST_BYTES = 256 * 1_048_576

/**
 * Reads the records of dead letters of one group: from its dead-letter topic, and those that are not there, or there without their value, from
 * where they were. Missing: those that are in neither any more. Commits nothing.
 *
 * @param from `admin`, connected; the throwaway group that it reads as is named `<reader>-<uuid>`
 * @returns by the offset in its partition, as `partition/offset`
 * @throws {OperatorError} a topic cannot be read, or the records are too many to be held
 */
export async function readLetters(
  from: { readonly settings: KafkaSettings; readonly admin: LogAdmin; readonly reader: string; readonly maxEventBytes: number },
  letters: readonly GivenUp[],
): Promise<ReadonlyMap<string, ReadLetter>> {
  const [first] = letters
  if (first === undefined) return new Map()
  const { group, topic } = first
  const letterTopic = deadLetterTopic(topic, group)
  const found = new Collected(letters)
  const reading = { settings: from.settings, group: from.reader, maxEventBytes: from.maxEventBytes }
  const present = await from.admin.topics([topic, letterTopic])
  if (present.has(letterTopic)) {
    const ranges = await from.admin.ranges(letterTopic)
    const since = await from.admin.offsetsAt(letterTopic, new Date(Math.min(...letters.map(({ at }) => at.getTime())) - SLACK_MS))
    const later = [...ranges].map(([partition, { high }]) => [partition, { from: since.get(partition) ?? high, to: high }] as const)
    const earlier = [...ranges].map(([partition, { low, high }]) => [partition, { from: low, to: since.get(partition) ?? high }] as const)
    for (const part of [later, earlier]) {
      if (found.isComplete()) break
      await readTopicRanges({ ...reading, topic: letterTopic }, new Map(part), async (partition, record) =>
        found.addLetter(letterTopic, partition, record),
      )
    }
  }
  if (present.has(topic) && !found.isComplete()) {
    const ranges = await from.admin.ranges(topic)
    await readTopicRanges({ ...reading, topic }, found.missingIn(ranges), async (partition, record) =>
      found.add(`${partition}/${record.offset}`, { record, topic, partition, offset: record.offset, letterHeaders: {} }),
    )
  }
  return found.letters
}

class Collected {
  readonly letters = new Map<string, ReadLetter>()
  readonly #wanted: ReadonlyMap<string, LetterPlace>
  #bytes = 0

  constructor(letters: readonly LetterPlace[]) {
    this.#wanted = new Map(letters.map((letter) => [`${letter.partition}/${letter.offset}`, letter]))
  }

  isComplete(): boolean {
    return this.letters.size === this.#wanted.size
  }

  addLetter(topic: string, partition: number, record: LogRecord): 'go on' | 'enough' {
    const { own, ours } = withoutLetterHeaders(record.headers)
    if (ours['value-omitted'] === 'true') return 'go on'
    const offset = /^\d{1,19}$/.test(ours['dlq-original-offset'] ?? '') ? BigInt(ours['dlq-original-offset'] ?? '') : null
    const timestamp = Number(ours['dlq-original-timestamp'])
    if (offset === null || !Number.isFinite(timestamp)) return 'go on'
    const original = { offset, timestamp, key: record.key, value: record.value, headers: own }
    return this.add(`${ours['dlq-original-partition']}/${offset}`, {
      record: original,
      topic,
      partition,
      offset: record.offset,
      letterHeaders: ours,
    })
  }

  /** @throws {OperatorError} they are too many to be held */
  add(key: string, letter: ReadLetter): 'go on' | 'enough' {
    if (this.#wanted.has(key) && !this.letters.has(key) && letter.record.omittedBytes === undefined) {
      // Copied: a record shares the memory of its whole batch.
      const { value } = letter.record
      this.#bytes += value?.length ?? 0
      if (this.#bytes > MOST_BYTES)
        throw new OperatorError('These dead letters have more than 256 MiB together: take them in parts, such as by --since and --until.')
      this.letters.set(key, { ...letter, record: copied(letter.record) })
    }
    return this.isComplete() ? 'enough' : 'go on'
  }

  /** From the first to the last that is missing in each partition, as far as the log still has it. */
  missingIn(ranges: ReadonlyMap<number, { readonly low: bigint; readonly high: bigint }>) {
    const missing = new Map<number, { from: bigint; to: bigint }>()
    for (const [key, { partition, offset }] of this.#wanted) {
      const range = ranges.get(partition)
      if (range === undefined || this.letters.has(key) || offset < range.low || offset >= range.high) continue
      const known = missing.get(partition) ?? { from: offset, to: offset + 1n }
      missing.set(partition, {
        from: offset < known.from ? offset : known.from,
        to: offset >= known.to ? offset + 1n : known.to,
      })
    }
    return missing
  }
}

function copied({ offset, timestamp, key, value, headers }: LogRecord): LogRecord {
  const copies = Object.entries(headers).flatMap(([name, held]) =>
    held === undefined ? [] : [[name, held instanceof Uint8Array ? Buffer.from(held) : held.map((one) => Buffer.from(one))] as const],
  )
  return { offset, timestamp, key: bytesOf(key), value: bytesOf(value), headers: Object.fromEntries(copies) }
}

function bytesOf(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes)
}
