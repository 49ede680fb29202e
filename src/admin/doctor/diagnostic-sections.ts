import type { Clock } from '../../std/clock.ts'
import { messageOf } from '../../std/failure.ts'
import { answerWithin } from '../../std/within-deadline.ts'
import type { CheckName, CheckResult } from './check.ts'

/** A part of the diagnostic file. */
export interface Section {
  readonly name: string
  /** The check without which it cannot be read; null: always. */
  readonly needs: CheckName | null
  read(): Promise<unknown>
}

export interface CollectSettings {
  readonly clock: Pick<Clock, 'sleep'>
  /** For each section; milliseconds. */
  readonly deadlineMs: number
}

/**
 * Reads every section, one after the other. A section whose check failed, or that fails itself, or has no answer in time, holds the reason
 * instead: a file with gaps is worth more than none. Never rejects.
 */
export async function collectSections(
  sections: readonly Section[],
  results: readonly CheckResult[],
  { clock, deadlineMs }: CollectSettings,
): Promise<Readonly<Record<string, unknown>>> {
  const collected: Record<string, unknown> = {}
  for (const section of sections) {
    const { name, needs } = section
    const check = results.find((result) => result.name === needs)
    const isReadable = needs === null || check?.is === 'ok' || check?.is === 'warning'
    collected[name] = isReadable
      ? await answerWithin(deadlineMs, section.read(), `no answer within ${deadlineMs / 1_000} s`, clock).catch((error: unknown) => ({
          notRead: messageOf(error),
        }))
      : { notRead: `the check ${needs} did not succeed` }
  }
  return collected
}
