import { fileURLToPath } from 'node:url'
import type { Fact } from '../../../src/model/fact.ts'
import { daemonCommand } from '../../../stack/daemon-command.ts'

/**
 * A moment in the life of a daemon: the nth fact that is as described.
 *
 * Kill points of issue 5, for every handler: after the fetch `fetched`; after the accept `accepted`; before the commit to Kafka `committing`
 * with `offset: 1` (a new group tells Kafka its beginning, or not, before any event);
 * before SMTP or HTTP `started` (the start is committed, no byte has left); after the answer and before the outcome row `performed`;
 * after the outcome row `settled`. After the final dot, or with a call under way, a sink kills from outside (`onMail`, `onCall`).
 */
export interface Moment {
  readonly fact: Fact['is']
  /** With or without the prefix. */
  readonly group?: string
  readonly channel?: string
  readonly kind?: string
  readonly outcome?: string | readonly string[]
  readonly partition?: number
  /** Kafka is told this offset or a higher one, of any partition. */
  readonly offset?: number
  /** 1 when left out. */
  readonly nth?: number
}

/** What happens to a daemon, each once. It says so on standard error, in a line that begins with `observed:`, just before. */
export interface Moments {
  /** Sends itself the signal, SIGKILL when left out, and does nothing more behind the fact. */
  readonly killAt?: Moment & { readonly signal?: 'SIGKILL' | 'SIGSTOP' }
  /** Blocks the event loop, heartbeats included. */
  readonly stallAt?: Moment & { readonly ms: number }
  /** Its wall clock can be stepped: `daemon.stepClock(ms)`. */
  readonly steppableClock?: boolean
}

export const momentNames = ['OBSERVED_KILL_AT', 'OBSERVED_STALL_AT'] as const

/** Moments as the variables of the observed daemon's environment. */
export function momentVariables({ killAt, stallAt }: Moments): Record<string, string> {
  return {
    ...(killAt ? { OBSERVED_KILL_AT: JSON.stringify(killAt) } : {}),
    ...(stallAt ? { OBSERVED_STALL_AT: JSON.stringify(stallAt) } : {}),
  }
}

/** Reads what `momentVariables` wrote. */
export function momentsOf(variables: Readonly<Record<string, string | undefined>>): Moments {
  const { OBSERVED_KILL_AT: killAt, OBSERVED_STALL_AT: stallAt } = variables
  return {
    ...(killAt === undefined ? {} : { killAt: JSON.parse(killAt) }),
    ...(stallAt === undefined ? {} : { stallAt: JSON.parse(stallAt) }),
  }
}

/** Whether a fact is the one that is meant; asked for every fact, in order. */
export function awaited(moment: Moment): (fact: Fact) => boolean {
  let left = moment.nth ?? 1
  return (fact) => fits(moment, fact) && --left === 0
}

function fits(moment: Moment, fact: Fact): boolean {
  if (fact.is !== moment.fact) return false
  if (moment.group !== undefined && !('group' in fact && (fact.group === moment.group || fact.group.endsWith(`.${moment.group}`))))
    return false
  if (moment.channel !== undefined && !('channel' in fact && fact.channel === moment.channel)) return false
  if (moment.kind !== undefined && !('kind' in fact && fact.kind === moment.kind)) return false
  if (moment.outcome !== undefined && !('outcome' in fact && [moment.outcome].flat().includes(fact.outcome))) return false
  const { offset } = moment
  if (offset !== undefined && !('offsets' in fact && [...fact.offsets.values()].some((told) => told >= offset))) return false
  return moment.partition === undefined || ('partition' in fact && fact.partition === moment.partition)
}

/** As `daemonCommand`, for a daemon with these moments: the program that watches, the clock that steps. */
export function commandFor(moments: Moments, root?: URL): ReturnType<typeof daemonCommand> {
  const { command, args } = daemonCommand(root)
  const flags = moments.steppableClock === true ? ['--import', new URL('stepped-clock.ts', import.meta.url).href] : []
  const isObserved = moments.killAt !== undefined || moments.stallAt !== undefined
  const program = isObserved ? [fileURLToPath(new URL('observed-daemon.ts', import.meta.url))] : args.slice(-1)
  return { command, args: [...args.slice(0, -1), ...flags, ...program] }
}
