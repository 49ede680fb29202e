import type { DeliveryLog } from '../../../delivery/intent-store.ts'
import type { DeliveryLogSql } from './delivery-log.ts'
import { mailLog } from './mail-log.ts'
import { webhookLog } from './webhook-log.ts'

export function deliveryLogSql(deliveryLog: DeliveryLog): DeliveryLogSql {
  return deliveryLog === 'email_logs' ? mailLog : webhookLog
}
