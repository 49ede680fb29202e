import type { Daemon } from '../daemon.ts'
import { eventually } from '../eventually.ts'

/** What a daemon answers to its two probes at this moment. */
export interface Probes {
  readonly live: boolean
  readonly ready: boolean
  /** Of the readiness: `<check>: <reason>: <sentence>` of all that is wrong. */
  readonly wrong: readonly string[]
}

interface Report {
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly reason?: string; readonly message?: string }>>
}

export async function probesOf(daemon: Daemon): Promise<Probes> {
  const [live, ready] = await Promise.all(['/livez', '/readyz'].map((path) => fetch(`${daemon.url()}${path}`)))
  if (!live || !ready) throw new Error('There are two probes.')
  await live.body?.cancel()
  const report: Report = JSON.parse(await ready.text())
  const wrong = Object.entries(report.checks).flatMap(([name, { ok, reason, message }]) => (ok ? [] : [`${name}: ${reason}: ${message}`]))
  return { live: live.ok, ready: ready.ok, wrong }
}

/** Waits until the daemon is not ready for a cause that `why` finds. Not to live for one moment, as nothing here is worth a restart, throws. */
export async function notReadyFor(daemon: Daemon, why: RegExp, deadlineMs?: number): Promise<void> {
  let dead: readonly string[] | null = null
  await eventually(
    `not ready: ${why.source}`,
    async () => {
      const { live, ready, wrong } = await probesOf(daemon)
      if (!live) dead = wrong
      return dead !== null || (!ready && wrong.some((one) => why.test(one))) || JSON.stringify(wrong)
    },
    deadlineMs,
  )
  if (dead !== null) throw new Error(`It said that it does not live: ${JSON.stringify(dead)}`)
}

/** A counter of several daemons, all its labels together, or those that `labels` finds. */
export async function countersOf(daemons: readonly Daemon[], name: string, labels = /^/): Promise<number> {
  const texts = await Promise.all(daemons.map((daemon) => daemon.metrics()))
  const found = texts.flatMap((text) => [...text.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\d+)$`, 'gm'))])
  return found.filter(([, names = '']) => labels.test(names)).reduce((sum, [, , count]) => sum + Number(count), 0)
}
