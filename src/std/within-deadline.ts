/** Waits for `promise`, at most `ms` milliseconds; rejects only if the promise rejects within that time. */
export async function withinDeadline(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  // Not `Promise.withResolvers`: the publisher's package runs on Node 20.
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  try {
    await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
