import type { DeliveryLog } from '../../../delivery/delivery-log-table.ts'
import type { DeliveryLogSql } from './delivery-log.ts'
import { mailLog } from './mail-log.ts'
import { webhookLog } from './webhook-log.ts'

/** The SQL of every delivery log that a channel may name: one that is missing here does not compile. */
const logs: Readonly<Record<DeliveryLog, DeliveryLogSql>> = { email_logs: mailLog, webhook_deliveries: webhookLog }

export const deliveryLogs: readonly DeliveryLogSql[] = Object.values(logs)

export function deliveryLogSql(deliveryLog: DeliveryLog): DeliveryLogSql {
  return logs[deliveryLog]
}

/** `make` for each delivery log: once, so that the same log always gets the same object. */
export function oncePerLog<Value>(make: (deliveryLog: DeliveryLog) => Value): (deliveryLog: DeliveryLog) => Value {
  const made = new Map<DeliveryLog, Value>()
  return (deliveryLog) => {
    const value = made.get(deliveryLog) ?? make(deliveryLog)
    made.set(deliveryLog, value)
    return value
  }
}
