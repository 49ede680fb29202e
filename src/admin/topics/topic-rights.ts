import { deadLetterTopic } from '../../ingest/dead-letter.ts'
import type { OperatorGroup } from '../operator-group.ts'

/** A right that Kafka's ACLs name: what it allows, on the topic or group of exactly this name. */
export interface TopicRight {
  readonly resource: 'topic' | 'group'
  readonly name: string
  readonly operation: 'Read' | 'Write' | 'DescribeConfigs'
}

/** The rights of one consumer group, or of publishers, and who is to have them, such as `User:worker`. */
export interface Grant {
  /** `publisher`: whatever publishes events. `relay`: the daemons that publish the outbox. */
  readonly role: 'group' | 'publisher' | 'relay'
  /** The id of the group; null in the other roles. */
  readonly group: string | null
  readonly principal: string
  readonly rights: readonly TopicRight[]
}

/**
 * The least that a daemon needs to run this group. `Read` and `Write` include `Describe`, on topics as on groups
 * (https://kafka.apache.org/documentation/#operations_in_kafka); `DescribeConfigs` is for the check of retention at the start.
 */
export function rightsOfGroup({ id, topic }: Pick<OperatorGroup, 'id' | 'topic'>): readonly TopicRight[] {
  return [
    { resource: 'topic', name: topic, operation: 'Read' },
    { resource: 'topic', name: topic, operation: 'DescribeConfigs' },
    { resource: 'group', name: id, operation: 'Read' },
    { resource: 'topic', name: deadLetterTopic(topic, id), operation: 'Write' },
  ]
}

/** The least that a publisher of the events on these topics needs. */
export function rightsOfPublisher(topics: readonly string[]): readonly TopicRight[] {
  return topics.map((name) => ({ resource: 'topic', name, operation: 'Write' }))
}

/** The commands for a POSIX shell that make a grant: one for each topic or group, and repeating them changes nothing. */
export function aclCommands({ principal, rights }: Grant, brokers: readonly string[]): readonly string[] {
  const named = new Map<string, { readonly right: TopicRight; readonly operations: string[] }>()
  for (const right of rights) {
    const key = `${right.resource} ${right.name}`
    const known = named.get(key)
    if (known === undefined) named.set(key, { right, operations: [right.operation] })
    else known.operations.push(right.operation)
  }
  return [...named.values()].map(({ right: { resource, name }, operations }) =>
    [
      `kafka-acls.sh --bootstrap-server ${brokers.join(',')} --add --allow-principal ${quoted(principal)}`,
      ...operations.map((operation) => `--operation ${operation}`),
      `--${resource} ${name}`,
    ].join(' '),
  )
}

function quoted(text: string): string {
  return /^[A-Za-z0-9:._-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
