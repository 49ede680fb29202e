/** What the demo says about its own start and end, on standard error. */
export interface Progress {
  /** A new stage: written at once with its detail, and the title repeated with its age as long as nothing else is written. */
  readonly stage: (title: string, detail?: string) => void
  /** A line that stays. */
  readonly line: (text: string) => void
  /** A figure that keeps changing: redrawn in place on a terminal; elsewhere a line, at most every {@link PLAIN_EVERY_MS}. */
  readonly figure: (text: string) => void
  /** The stage is over: nothing is repeated until the next one begins. Idempotent. */
  readonly done: () => void
}

export type ProgressOutput = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>

const TICK_MS = 1_000
/** In a file or a pipe every repetition would add a line. */
export const PLAIN_EVERY_MS = 5_000

/** Nothing is written that a plain file could not hold, unless `output` is a terminal. */
export function createProgress(output: ProgressOutput, now: () => number = () => performance.now()): Progress {
  let stage: { readonly title: string; readonly since: number; readonly ticking: NodeJS.Timeout } | undefined
  let writtenAt = -Infinity
  let isDrawn = false

  const clear = () => {
    if (isDrawn) output.write('\r\u001b[K')
    isDrawn = false
  }
  const line = (text: string) => {
    clear()
    output.write(`${text}\n`)
    writtenAt = now()
  }
  const figure = (text: string) => {
    if (!output.isTTY) {
      if (now() - writtenAt >= PLAIN_EVERY_MS) line(text)
      return
    }
    clear()
    // A line that wraps could not be cleared.
    output.write(text.slice(0, (output.columns || 80) - 1))
    isDrawn = true
    writtenAt = now()
  }
  const tick = () => {
    // A little less than the tick itself, which comes when it can.
    if (stage && now() - writtenAt >= 0.9 * TICK_MS) figure(`${stage.title}, ${Math.round((now() - stage.since) / 1000)} s`)
  }
  const done = () => {
    clear()
    clearInterval(stage?.ticking)
    stage = undefined
  }
  return {
    stage: (title, detail) => {
      done()
      line(detail === undefined ? title : `${title}: ${detail}`)
      stage = { title, since: now(), ticking: setInterval(tick, TICK_MS).unref() }
    },
    line,
    figure,
    done,
  }
}
