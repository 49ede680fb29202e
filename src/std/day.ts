/** A day; milliseconds. */
export const DAY_MS: number = 86_400_000
