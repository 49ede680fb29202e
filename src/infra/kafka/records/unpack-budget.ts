/** The share of one group in the budget. */
export interface UnpackShare {
  /**
   * Waits for `bytes` and resolves to the function that releases them, or to null when `signal` aborts first. Bytes must be released before
   * more are acquired.
   */
  acquire(bytes: number, signal: AbortSignal): Promise<(() => void) | null>
}

export interface UnpackBudget {
  /** A share of its own for each group. */
  share(): UnpackShare
}

interface Waiter {
  readonly share: Share
  readonly bytes: number
  readonly granted: () => void
}

interface Share {
  held: number
}

/**
 * Limits the bytes of unpacked records over all groups of a process; first come, first served within a group. A group may use half of the
 * limit, so that one with stalled batches leaves room for the others. A group that holds nothing is always served, whatever the size and
 * the usage of the others: no group waits for another, and nothing is too large to be read.
 */
export function createUnpackBudget(limit: number): UnpackBudget {
  let held = 0
  let waiting: Waiter[] = []

  const fits = (share: Share, bytes: number) => share.held === 0 || (held + bytes <= limit && share.held + bytes <= limit / 2)

  function take(share: Share, bytes: number): void {
    held += bytes
    share.held += bytes
  }

  /** In order of arrival; a waiter blocks the later ones of its group. */
  function grant(): void {
    const blocked = new Set<Share>()
    const left: Waiter[] = []
    for (const waiter of waiting) {
      if (blocked.has(waiter.share) || !fits(waiter.share, waiter.bytes)) {
        blocked.add(waiter.share)
        left.push(waiter)
      } else {
        take(waiter.share, waiter.bytes)
        waiter.granted()
      }
    }
    waiting = left
  }

  return {
    share() {
      const share: Share = { held: 0 }
      return {
        async acquire(bytes, signal) {
          if (signal.aborted) return null
          if (!waiting.some((waiter) => waiter.share === share) && fits(share, bytes)) take(share, bytes)
          else {
            const { promise, resolve } = Promise.withResolvers<boolean>()
            const waiter = { share, bytes, granted: () => resolve(true) }
            const giveUp = () => {
              waiting = waiting.filter((other) => other !== waiter)
              resolve(false)
              // Later ones may fit.
              grant()
            }
            signal.addEventListener('abort', giveUp, { once: true })
            waiting.push(waiter)
            const isGranted = await promise
            signal.removeEventListener('abort', giveUp)
            if (!isGranted) return null
          }
          let isHeld = true
          return () => {
            if (!isHeld) return
            isHeld = false
            held -= bytes
            share.held -= bytes
            grant()
          }
        },
      }
    },
  }
}
