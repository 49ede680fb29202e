const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** Such as `3 min ago`, in the largest unit that fits; a time that has not come yet is `0 s ago`. Both in milliseconds since 1970. */
export function howLongAgo(at: number, now: number): string {
  const passed = Math.max(0, now - at)
  const [unit, ms] = units.find(([, least]) => passed >= least) ?? (['s', 1_000] as const)
  return `${Math.floor(passed / ms)} ${unit} ago`
}
