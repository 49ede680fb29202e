import type { IntentStore, Settled, SettleOptions, Settlement, StartRequest } from '../../src/delivery/intent-store.ts'
import type { Frozen, Intent } from '../../src/model/intent.ts'
import { onlyValue } from '../../src/std/only-value.ts'

/** A start that stands alone in its batch. Throws what the database said to it. */
export async function startOne(
  store: Pick<IntentStore, 'start'>,
  request: Omit<StartRequest, 'frozen'>,
  frozen: Frozen,
): Promise<'started' | 'lost'> {
  return onlyValue(await store.start([{ ...request, frozen }]))
}

/** An end that stands alone in its batch. Throws what the database said to it. */
export async function settleOne(
  store: Pick<IntentStore, 'settle'>,
  intent: Intent,
  settlement: Settlement,
  options: SettleOptions,
): Promise<Settled> {
  return onlyValue(await store.settle([{ intent, settlement, ...options }]))
}
