/** What one group may hold of the budget. */
export interface UnpackShare {
  /**
   * Waits until `bytes` may be held, and resolves to what gives them back; to null when `signal` aborts first. Whoever holds some must give
   * them back before it asks for more.
   */
  hold(bytes: number, signal: AbortSignal): Promise<(() => void) | null>
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
 * Bounds the bytes of unpacked records that all groups of a process hold together. First come, first served within a group. A group may
 * have half of it, so that one whose batches stand still leaves room for the others; and it is always given what it asks for while it holds
 * nothing, however much that is and whatever the others hold: no group waits for another, and nothing is too large to be read.
 */
export function createUnpackBudget(limit: number): UnpackBudget {
  let held = 0
  let waiting: Waiter[] = []

  const fits = (share: Share, bytes: number) => share.held === 0 || (held + bytes <= limit && share.held + bytes <= limit / 2)

  function take(share: Share, bytes: number): void {
    held += bytes
    share.held += bytes
  }

  /** In the order of their coming; who has to wait makes the rest of its group wait. */
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
        async hold(bytes, signal) {
          if (signal.aborted) return null
          if (!waiting.some((waiter) => waiter.share === share) && fits(share, bytes)) take(share, bytes)
          else {
            const { promise, resolve } = Promise.withResolvers<boolean>()
            const waiter = { share, bytes, granted: () => resolve(true) }
            const giveUp = () => {
              waiting = waiting.filter((other) => other !== waiter)
              resolve(false)
              // Those behind it may fit.
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
