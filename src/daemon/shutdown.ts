/** The pending steps of a shutdown, named for the log line of a forced one. */
export interface ShutdownSteps {
  /** Awaits `step`, which is listed as `what` until it settles. @throws what `step` throws */
  track(what: string, step: Promise<unknown>): Promise<void>
  pending(): readonly string[]
}

export function createShutdownSteps(): ShutdownSteps {
  const open = new Set<string>()
  return {
    async track(what, step) {
      open.add(what)
      try {
        await step
      } finally {
        open.delete(what)
      }
    },
    pending: () => [...open],
  }
}
