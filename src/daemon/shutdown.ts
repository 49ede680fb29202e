/** The steps of a stop that are under way, in words for whoever is told why it had to be forced. */
export interface StopSteps {
  /** Waits for `step`, which is called `what` until it has ended. @throws what `step` throws */
  ends(what: string, step: Promise<unknown>): Promise<void>
  underway(): readonly string[]
}

export function createStopSteps(): StopSteps {
  const open = new Set<string>()
  return {
    async ends(what, step) {
      open.add(what)
      try {
        await step
      } finally {
        open.delete(what)
      }
    },
    underway: () => [...open],
  }
}
