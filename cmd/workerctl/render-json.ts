/** One line of JSON. Offsets become numbers, or strings where a number would lose precision. */
export function renderJson(value: object): string {
  return JSON.stringify(value, (_key, held: unknown) => (typeof held === 'bigint' ? plain(held) : held))
}

function plain(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}
