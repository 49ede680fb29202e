/**
 * The answer to a batch of one.
 *
 * @throws why it was rejected, where it was.
 */
export function onlyValue<Value>(results: readonly PromiseSettledResult<Value>[]): Value {
  const [result] = results
  if (result === undefined || results.length > 1) throw new Error(`A batch of one has ${results.length} answers.`)
  if (result.status === 'rejected') throw result.reason
  return result.value
}
