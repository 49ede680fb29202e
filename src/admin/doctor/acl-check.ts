import type { TopicRight } from '../topics/topic-rights.ts'
import { aclCommands, inWords, type Grant } from '../topics/topic-rights.ts'
import type { Finding, Seen } from './check.ts'

/** What the brokers let our user do on topics and groups, by name. Null: they do not say, or the topic does not exist. */
export interface AllowedOperations {
  readonly topics: ReadonlyMap<string, ReadonlySet<string> | null>
  readonly groups: ReadonlyMap<string, ReadonlySet<string> | null>
}

/** The port to the operations that the brokers allow our user; nothing is joined or created. */
export interface OperationsReader {
  allowedOperations(names: { readonly topics: readonly string[]; readonly groups: readonly string[] }): Promise<AllowedOperations>
}

/** A name that the right is about: of a prefix, one that begins with it, because a right on exactly the prefix is not enough. */
export function exampleOf({ name, pattern }: TopicRight): string {
  return pattern === undefined ? name : `${name}doctor`
}

/** The rights of these grants that our user lacks; what the brokers do not say is not missing. */
export function missingRights(grants: readonly Grant[], allowed: AllowedOperations): readonly Grant[] {
  return grants.flatMap((grant) => {
    const rights = grant.rights.filter((right) => isMissing(right, allowed))
    return rights.length === 0 ? [] : [{ ...grant, rights }]
  })
}

/** A finding for each group, and for the relay of the outbox, that lacks a right, with the commands that grant it. */
export function aclsSeen(grants: readonly Grant[], allowed: AllowedOperations, brokers: readonly string[]): Seen {
  const findings = missingRights(grants, allowed).map((grant): Finding => {
    const whom = grant.group === null ? 'The relay of worker.outbox' : `Group ${grant.group}`
    const rights = grant.rights.map((right) => inWords(right))
    return { is: 'failed', sentence: `${whom} lacks the right ${rights.join(', and ')}.`, fix: aclCommands(grant, brokers).join(' && ') }
  })
  const all = grants.flatMap(({ rights }) => rights)
  const unknown = all.filter((right) => operationsOf(right, allowed) === null).length
  if (unknown === all.length) return { sentence: 'The brokers do not say what our user may do.', findings }
  const known = `${all.length - unknown} of ${all.length} rights known`
  return { sentence: findings[0]?.sentence ?? `Our user has every right that it needs (${known}).`, findings }
}

function operationsOf(right: TopicRight, allowed: AllowedOperations): ReadonlySet<string> | null {
  return (right.resource === 'topic' ? allowed.topics : allowed.groups).get(exampleOf(right)) ?? null
}

function isMissing(right: TopicRight, allowed: AllowedOperations): boolean {
  const operations = operationsOf(right, allowed)
  return operations !== null && !operations.has(right.operation)
}
