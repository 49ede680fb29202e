/** Waits for `promise`, at most `ms` milliseconds; rejects only if the promise rejects within that time. */
export async function withinDeadline(ms: number, promise: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, ms)
  try {
    await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
