import { setTimeout as after } from 'node:timers/promises'
import { expect } from 'vitest'
import { progressRows } from '../../contract/kafka/progress-rows.ts'
import { createSourceFixture } from '../../contract/kafka/source-fixture.ts'
import type { Member } from '../../contract/kafka/source-fixture.ts'
import { eventually } from '../../support/eventually.ts'
import { readOffsetsLog } from '../../support/faults/offsets-log.ts'
import type { KafkaCluster } from '../../support/kafka-cluster.ts'
import type { Commit } from '../../invariants/history.ts'

const PARTITIONS = 6

/** One group that reads a steady stream on three brokers and commits what its rows hold, about every 20 ms. */
export interface GroupUnderLoad extends AsyncDisposable {
  readonly group: string
  readonly topic: string
  /** Starts one more member; resolves when it has joined. */
  join(): Promise<Member>
  /** Waits until so many records more were accepted than now: the group works. */
  works(records?: number): Promise<void>
  /**
   * Ends the stream, waits until all is accepted and committed, and judges by rows, values and Kafka's own log of the commits, of which
   * `backwards` names those that went back.
   */
  judge(): Promise<{ readonly backwards: readonly string[] }>
}

export async function groupUnderLoad(cluster: KafkaCluster, options: Parameters<typeof progressRows>[0] = {}): Promise<GroupUnderLoad> {
  const s = await createSourceFixture({ partitions: PARTITIONS, settings: cluster.settings })
  const progress = progressRows(options)
  const members: Member[] = []
  const over = new AbortController()
  let sent = 0
  let isProducing = true
  /** The client gives up after ten seconds, and a broker that was killed may be missed for longer than that. */
  const produced = async (partition: number, value: string): Promise<void> => {
    try {
      await s.produce(partition, [value])
    } catch (error) {
      if (!isProducing) throw error
      await after(100)
      await produced(partition, value)
    }
  }
  const producing = (async () => {
    for (; isProducing; sent += 1) {
      // A send that the client gives up may be in the log: every value stands once in it only if it went in at the first time.
      await Promise.all(Array.from({ length: PARTITIONS }, async (_, partition) => produced(partition, String(sent))))
      await after(10)
    }
  })()
  const committing = (async () => {
    while (!over.signal.aborted) {
      await Promise.all(members.map(async (member) => commitRows(member, progress.rows)))
      await after(20)
    }
  })()
  const ends = async () => {
    isProducing = false
    await producing
    over.abort()
    await committing
  }
  return {
    group: s.group,
    topic: s.topic,
    join: async () => {
      const member = s.member(progress.handlers(() => after(Math.random() * 30)))
      await member.start()
      members.push(member)
      return member
    },
    works: (records = 200) => {
      const wanted = progress.accepted.length + records
      return eventually(
        'the group works',
        () => progress.accepted.length >= wanted || `${progress.accepted.length} of ${wanted}, ${sent} sent to each partition`,
        240_000,
      )
    },
    judge: async () => {
      isProducing = false
      await producing
      const ends = new Map([...(await s.admin.ranges(s.topic))].map(([partition, { high }]) => [partition, high]))
      await eventually('all is committed', async () => sameOffsets(await s.admin.committed(s.group, s.topic), ends), 240_000)
      expect(progress.faults).toEqual([])
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const own = progress.accepted.filter((value) => value.startsWith(`${partition}:`)).map((value) => Number(value.split(':')[1]))
        // The producer's own repeats lie in the log twice, next to each other or behind each other's batch, and are accepted as often.
        expect(BigInt(own.length)).toBe(ends.get(partition))
        expect([...new Set(own)]).toEqual(Array.from({ length: sent }, (_, value) => value))
      }
      const commits: Commit[] = []
      await readOffsetsLog(cluster.settings.brokers, s.topic, [s.group], (entry) => {
        if (entry.is === 'commit') commits.push(entry)
      })
      expect(commits.length).toBeGreaterThan(PARTITIONS)
      return { backwards: backwards(commits) }
    },
    [Symbol.asyncDispose]: async () => {
      await ends()
      await s[Symbol.asyncDispose]()
    },
  }
}

async function commitRows({ source, assignments }: Member, rows: ReadonlyMap<number, bigint>): Promise<void> {
  const assignment = assignments.at(-1)
  const owned = [...rows].filter(([partition]) => assignment?.partitions.includes(partition))
  if (assignment && owned.length > 0) await source.commit(assignment, new Map(owned))
}

function sameOffsets(committed: ReadonlyMap<number, bigint>, ends: ReadonlyMap<number, bigint>): true | string {
  const behind = [...ends].filter(([partition, end]) => committed.get(partition) !== end)
  return behind.length === 0 || behind.map(([partition, end]) => `${partition}: ${committed.get(partition)} of ${end}`).join(', ')
}

/** Every commit that is below an earlier one of its partition. */
function backwards(commits: readonly Commit[]): string[] {
  const highest = new Map<number, bigint>()
  return commits.flatMap(({ partition, offset }) => {
    const before = highest.get(partition) ?? 0n
    const now = BigInt(offset)
    if (now >= before) highest.set(partition, now)
    return now < before ? [`partition ${partition} from ${before} to ${now}`] : []
  })
}
