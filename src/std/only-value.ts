/**
 * The result of a batch of one.
 *
 * @throws the reason for which it was rejected.
 */
export function onlyValue<Value>(results: readonly PromiseSettledResult<Value>[]): Value {
  const [result] = results
  if (result === undefined || results.length > 1) throw new Error(`A batch of one has ${results.length} results.`)
  if (result.status === 'rejected') throw result.reason
  return result.value
}
