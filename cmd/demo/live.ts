import { setTimeout as pause } from 'node:timers/promises'
import { createLogUpdate } from 'log-update'
import { SqlError } from '../../src/std/sql.ts'
import { createLook } from './live-figures.ts'
import type { LiveFigures } from './live-figures.ts'
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

/** Where the figures of the running demo are shown. */
export interface Screen {
  /** From one look to the next; milliseconds. */
  readonly everyMs: number
  readonly begin: (sights: readonly Sight[]) => void
  readonly draw: (figures: LiveFigures, sights: readonly Sight[]) => void
  readonly end: () => void
}

export interface LiveOptions {
  readonly signal: AbortSignal
  readonly screen: Screen
}

/** Keeps traffic flowing and shows what becomes of it, until `signal` aborts. */
export async function playLive(session: Session, { signal, screen }: LiveOptions): Promise<void> {
  const page = session.servers.mails === null ? undefined : await startMailPage(session.servers.mails)
  const ending = new AbortController()
  const either = AbortSignal.any([signal, ending.signal])
  try {
    await Promise.all([flow(session, either), show(session, sightsOf(session, page?.url), { signal: either, screen })])
  } finally {
    // Whichever of the two failed, the other ends too.
    ending.abort()
    await page?.close()
  }
}

/** A terminal is redrawn in place; a file or a pipe gets plain lines. */
export function screenOn(output: NodeJS.WriteStream): Screen {
  if (!output.isTTY) {
    return {
      everyMs: LINE_MS,
      begin: (sights) => output.write(plainSights(sights)),
      draw: (figures) => output.write(`${plainLine(figures)}\n`),
      end: () => undefined,
    }
  }
  const redraw = createLogUpdate(output)
  return {
    everyMs: REDRAW_MS,
    begin: () => undefined,
    draw: (figures, sights) => redraw(picture(figures, sights, output.rows)),
    end: () => redraw.done(),
  }
}

async function flow({ scenario, simulator }: Session, signal: AbortSignal): Promise<void> {
  const steps = scenario.steps()
  while (!signal.aborted) {
    const burst: Step[] = Array.from({ length: BURST_STEPS }, () => steps.next().value).filter((step) => step !== undefined)
    await simulator.play(burst, signal)
    await rest(BURST_MS, signal)
  }
}

async function show(session: Session, sights: readonly Sight[], { signal, screen }: LiveOptions): Promise<void> {
  const look = createLook(session)
  screen.begin(sights)
  while (!signal.aborted) {
    const figures = await look().catch((error: unknown) => {
      // The daemon or the database did not answer this time; the end of a daemon is reported by the session.
      if (error instanceof TypeError || error instanceof SqlError) return undefined
      throw error
    })
    if (figures) screen.draw(figures, sights)
    await rest(screen.everyMs, signal)
  }
  screen.end()
}

/** Resolves after `ms`, or at once when `signal` aborts. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  // An end on request is no failure.
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
