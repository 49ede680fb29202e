import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { requireJava } from './java-tools.ts'
import { defaultKafkaVersion, kafkaJars, type OnProgress } from './kafka-jars.ts'
import { mavenArtifact } from './maven-artifact.ts'

const run = promisify(execFile)

/** A row of `kafka-consumer-groups.sh --describe`; null where it has a dash. */
interface ToolRow {
  readonly topic: string
  readonly partition: number
  readonly committed: bigint | null
  readonly end: bigint | null
  readonly lag: bigint | null
  readonly clientId: string | null
}

/**
 * What Kafka's own consumer-groups tool prints of a group.
 *
 * @throws when Java or the tool is missing, or the tool fails
 */
export async function describeGroupByTool(brokers: readonly string[], group: string, onProgress?: OnProgress): Promise<readonly ToolRow[]> {
  const libs = await kafkaJars(onProgress === undefined ? {} : { onProgress })
  const version = defaultKafkaVersion
  const [java, tools] = await Promise.all([
    requireJava(),
    mavenArtifact({
      name: `Kafka's tools ${version}`,
      artifact: `org.apache.kafka:kafka-tools:${version}`,
      goal: 'copy',
      folder: join(libs, '..', 'tools'),
      size: '1 MB',
      onProgress,
    }),
  ])
  const command = ['--bootstrap-server', brokers.join(','), '--describe', '--group', group]
  const classPath = `${join(tools, '*')}:${join(libs, '*')}`
  const { stdout } = await run(java, ['-cp', classPath, 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', ...command], {
    timeout: 60_000,
  })
  return rowsOf(stdout)
}

/** Columns by their names, which differ between versions in number and order. */
function rowsOf(output: string): readonly ToolRow[] {
  const lines = output.split('\n').map((line) => line.trim().split(/\s+/))
  const head = lines.findIndex((cells) => cells.includes('CURRENT-OFFSET'))
  const columns = lines[head] ?? []
  return lines.slice(head + 1).flatMap((cells) => {
    const cell = (name: string) => cells[columns.indexOf(name)] ?? '-'
    const number = (name: string) => (cell(name) === '-' ? null : BigInt(cell(name)))
    if (cells.length < columns.length - 1) return []
    return [
      {
        topic: cell('TOPIC'),
        partition: Number(cell('PARTITION')),
        committed: number('CURRENT-OFFSET'),
        end: number('LOG-END-OFFSET'),
        lag: number('LAG'),
        clientId: cell('CLIENT-ID') === '-' ? null : cell('CLIENT-ID'),
      },
    ]
  })
}
