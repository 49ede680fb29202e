import { setTimeout as pause } from 'node:timers/promises'
import { createLogUpdate } from 'log-update'
import { SqlError } from '../../src/std/sql.ts'
import { createLook } from './live-figures.ts'
import { picture, plainLine, plainSights } from './live-view.ts'
import type { Sight } from './live-view.ts'
import { startMailPage } from './mail-page.ts'
import type { Session } from './session.ts'
import type { Step } from './step.ts'

/** A burst this often, of so many steps: some thirty events a second. */
const BURST_MS = 500
const BURST_STEPS = 12
const REDRAW_MS = 1_000
const LINE_MS = 5_000

/** Keeps traffic flowing and shows what becomes of it, until `signal` aborts. */
export async function playLive(session: Session, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  const page = session.servers.mails === null ? undefined : await startMailPage(session.servers.mails)
  const ending = new AbortController()
  const either = AbortSignal.any([signal, ending.signal])
  try {
    await Promise.all([flow(session, either), show(session, sightsOf(session, page?.url), either)])
  } finally {
    // Whichever of the two failed, the other ends too.
    ending.abort()
    await page?.close()
  }
}

async function flow({ story, player }: Session, signal: AbortSignal): Promise<void> {
  const steps = story.steps()
  while (!signal.aborted) {
    const burst: Step[] = Array.from({ length: BURST_STEPS }, () => steps.next().value).filter((step) => step !== undefined)
    await player.play(burst, signal)
    await rest(BURST_MS, signal)
  }
}

async function show(session: Session, sights: readonly Sight[], signal: AbortSignal): Promise<void> {
  const look = createLook(session)
  const isTerminal = process.stdout.isTTY
  const redraw = createLogUpdate(process.stdout)
  if (!isTerminal) process.stdout.write(plainSights(sights))
  while (!signal.aborted) {
    const figures = await look().catch((error: unknown) => {
      // The daemon or the database does not answer this once; should it have died, the session hears of it.
      if (error instanceof TypeError || error instanceof SqlError) return undefined
      throw error
    })
    if (figures && isTerminal) redraw(picture(figures, sights))
    else if (figures) process.stdout.write(`${plainLine(figures)}\n`)
    await rest(isTerminal ? REDRAW_MS : LINE_MS, signal)
  }
  if (isTerminal) redraw.done()
}

/** Resolves after `ms`, or at once when `signal` aborts. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  // Being told to end is no failure here.
  await pause(ms, undefined, { signal }).catch(() => undefined)
}

/** What the first screen points at; Kafka and PostgreSQL were named when they started. */
function sightsOf({ daemon }: Session, mailPage: string | undefined): Sight[] {
  const mails = mailPage === undefined ? [] : [{ name: 'mails', address: mailPage, shows: 'every mail that was sent' }]
  return [
    ...mails,
    { name: 'metrics', address: `${daemon.url}/metrics`, shows: 'for Prometheus' },
    { name: 'status', address: `${daemon.url}/status`, shows: 'groups and lag, as JSON' },
    { name: 'log', address: daemon.logFile, shows: 'of the daemon, JSON lines' },
  ]
}
