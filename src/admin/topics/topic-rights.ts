import { deadLetterTopic } from '../../ingest/dead-letter.ts'
import { replayReader } from '../../ingest/replay-job.ts'
import type { OperatorGroup } from '../operator-group.ts'

/** A right that Kafka's ACLs name: what it allows, on the topic or group of exactly this name, or on all whose names begin with it. */
export interface TopicRight {
  readonly resource: 'topic' | 'group'
  readonly name: string
  readonly operation: 'Read' | 'Write' | 'DescribeConfigs'
  readonly pattern?: 'prefixed'
}

/** The rights of one consumer group, of publishers or of operators, and who is to have them, such as `User:worker`. */
export interface Grant {
  /** `publisher`: whatever publishes events. `relay`: the daemons that publish the outbox. `operator`: who reads records by `workerctl`. */
  readonly role: 'group' | 'publisher' | 'relay' | 'operator'
  /** The id of the group; null in the other roles. */
  readonly group: string | null
  readonly principal: string
  readonly rights: readonly TopicRight[]
}

/**
 * The least that a daemon needs to run this group. `Read` and `Write` include `Describe`, on topics as on groups
 * (https://kafka.apache.org/documentation/#operations_in_kafka); `DescribeConfigs` is for the check of retention at the start, and the
 * right on a prefix for the throwaway groups that replays read as.
 */
export function rightsOfGroup({ id, topic }: Pick<OperatorGroup, 'id' | 'topic'>): readonly TopicRight[] {
  return [
    { resource: 'topic', name: topic, operation: 'Read' },
    { resource: 'topic', name: topic, operation: 'DescribeConfigs' },
    { resource: 'group', name: id, operation: 'Read' },
    readsAs(replayReader(id)),
    { resource: 'topic', name: deadLetterTopic(topic, id), operation: 'Write' },
  ]
}

/** The least that a publisher of the events on these topics needs. */
export function rightsOfPublisher(topics: readonly string[]): readonly TopicRight[] {
  return topics.map((name) => ({ resource: 'topic', name, operation: 'Write' }))
}

/** The reader of `dlq`, and the one of `catalogue rehearse`: what the ids of their throwaway groups begin with. */
export function operatorReaders(groupPrefix: string): { readonly letters: string; readonly rehearsal: string } {
  return { letters: `${groupPrefix}workerctl-reader`, rehearsal: `${groupPrefix}catalogue-rehearsal` }
}

/**
 * The least that who runs `dlq`, `replay plan` and `replay run` of these groups needs beside the database; `rehearses`: and `catalogue rehearse`,
 * which reads the topics of all groups.
 */
export function rightsOfOperator(
  groups: readonly Pick<OperatorGroup, 'id' | 'topic'>[],
  { groupPrefix, rehearses }: { readonly groupPrefix: string; readonly rehearses: boolean },
): readonly TopicRight[] {
  const readers = operatorReaders(groupPrefix)
  const topics = new Set([...groups.map(({ topic }) => topic), ...groups.map(({ id, topic }) => deadLetterTopic(topic, id))])
  return [
    ...[...topics].map((name): TopicRight => ({ resource: 'topic', name, operation: 'Read' })),
    ...groups.map(({ id }) => readsAs(replayReader(id))),
    readsAs(readers.letters),
    ...(rehearses ? [readsAs(readers.rehearsal)] : []),
  ]
}

function readsAs(reader: string): TopicRight {
  return { resource: 'group', name: `${reader}-`, operation: 'Read', pattern: 'prefixed' }
}

/** The right in words, such as `Read on topic domain-events`. */
export function inWords({ resource, name, operation, pattern }: TopicRight): string {
  return `${operation} on ${pattern === undefined ? resource : `${resource}s with the prefix`} ${name}`
}

/** The commands for a POSIX shell that make a grant: one for each topic or group, and repeating them changes nothing. */
export function aclCommands({ principal, rights }: Grant, brokers: readonly string[]): readonly string[] {
  const named = new Map<string, { readonly right: TopicRight; readonly operations: string[] }>()
  for (const right of rights) {
    const key = `${right.resource} ${right.name} ${right.pattern ?? ''}`
    const known = named.get(key)
    if (known === undefined) named.set(key, { right, operations: [right.operation] })
    else known.operations.push(right.operation)
  }
  return [...named.values()].map(({ right: { resource, name, pattern }, operations }) =>
    [
      `kafka-acls.sh --bootstrap-server ${brokers.join(',')} --add --allow-principal ${quoted(principal)}`,
      ...operations.map((operation) => `--operation ${operation}`),
      ...(pattern === undefined ? [] : [`--resource-pattern-type ${pattern}`]),
      `--${resource} ${name}`,
    ].join(' '),
  )
}

function quoted(text: string): string {
  return /^[A-Za-z0-9:._-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
