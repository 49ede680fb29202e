import { fileURLToPath } from 'node:url'
import type { Fact } from '../../../src/model/fact.ts'
import { daemonCommand } from '../../../stack/daemon-command.ts'

/**
 * A point in a daemon's execution: the nth fact that matches.
 *
 * After the fetch: `fetched`; after the accept: `accepted`; before the commit to Kafka: `committing` with `offset: 1` (a new group may
 * commit its start before any event); before SMTP or HTTP: `started` (the start is committed, no byte has been sent); after the reply
 * and before the outcome row: `performed`; after the outcome row: `settled`. After the final dot, or during a request, the sink kills
 * from outside (`onMail`, `onCall`).
 */
export interface Failpoint {
  readonly fact: Fact['is']
  /** With or without the prefix. */
  readonly group?: string
  readonly channel?: string
  readonly kind?: string
  readonly outcome?: string | readonly string[]
  readonly partition?: number
  /** The commit contains this offset or a higher one, of any partition. */
  readonly offset?: number
  /** 1 by default. */
  readonly nth?: number
}

/** Faults at failpoints, each once. The daemon reports each on standard error, in a line that begins with `observed:`, just before. */
export interface Failpoints {
  /** The daemon sends itself the signal, SIGKILL by default, and executes nothing after the fact. */
  readonly killAt?: Failpoint & { readonly signal?: 'SIGKILL' | 'SIGSTOP' }
  /** The event loop blocks, heartbeats included. */
  readonly stallAt?: Failpoint & { readonly ms: number }
  /** The wall clock can be stepped: `daemon.stepClock(ms)`. */
  readonly steppableClock?: boolean
  /** It collects on request: `daemon.collect()`. */
  readonly collecting?: boolean
}

export const failpointVariableNames = ['OBSERVED_KILL_AT', 'OBSERVED_STALL_AT'] as const

/** Failpoints as environment variables of the observed daemon. */
export function failpointVariables({ killAt, stallAt }: Failpoints): Record<string, string> {
  return {
    ...(killAt ? { OBSERVED_KILL_AT: JSON.stringify(killAt) } : {}),
    ...(stallAt ? { OBSERVED_STALL_AT: JSON.stringify(stallAt) } : {}),
  }
}

/** Reads what {@link failpointVariables} wrote. */
export function failpointsOf(variables: Readonly<Record<string, string | undefined>>): Failpoints {
  const { OBSERVED_KILL_AT: killAt, OBSERVED_STALL_AT: stallAt } = variables
  return {
    ...(killAt === undefined ? {} : { killAt: JSON.parse(killAt) }),
    ...(stallAt === undefined ? {} : { stallAt: JSON.parse(stallAt) }),
  }
}

/** A predicate that is true for the fact at which the failpoint is reached; to be called with every fact, in order. */
export function reaches(failpoint: Failpoint): (fact: Fact) => boolean {
  let left = failpoint.nth ?? 1
  return (fact) => matches(failpoint, fact) && --left === 0
}

function matches(failpoint: Failpoint, fact: Fact): boolean {
  if (fact.is !== failpoint.fact) return false
  if (failpoint.group !== undefined && !('group' in fact && (fact.group === failpoint.group || fact.group.endsWith(`.${failpoint.group}`))))
    return false
  if (failpoint.channel !== undefined && !('channel' in fact && fact.channel === failpoint.channel)) return false
  if (failpoint.kind !== undefined && !('kind' in fact && fact.kind === failpoint.kind)) return false
  if (failpoint.outcome !== undefined && !('outcome' in fact && [failpoint.outcome].flat().includes(fact.outcome))) return false
  const { offset } = failpoint
  if (offset !== undefined && !('offsets' in fact && [...fact.offsets.values()].some((committed) => committed >= offset))) return false
  return failpoint.partition === undefined || ('partition' in fact && fact.partition === failpoint.partition)
}

/** `daemonCommand` for a daemon with these failpoints: with the observer, the stepped clock and the collector. */
export function commandFor(failpoints: Failpoints, root?: URL): ReturnType<typeof daemonCommand> {
  const { command, args } = daemonCommand(root)
  const loaded = [
    ...(failpoints.steppableClock === true ? [new URL('stepped-clock.ts', import.meta.url)] : []),
    ...(failpoints.collecting === true ? [new URL('collecting.ts', import.meta.url)] : []),
  ]
  const flags = loaded.flatMap(({ href }) => ['--import', href])
  const isObserved = failpoints.killAt !== undefined || failpoints.stallAt !== undefined
  const program = isObserved ? [fileURLToPath(new URL('observed-daemon.ts', import.meta.url))] : args.slice(-1)
  return { command, args: [...args.slice(0, -1), ...flags, ...program] }
}
