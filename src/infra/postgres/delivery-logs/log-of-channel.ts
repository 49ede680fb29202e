import type { Ledger } from '../../../delivery/intent-store.ts'
import type { LedgerSql } from './delivery-log.ts'
import { mailLedger } from './mail-log.ts'
import { webhookLedger } from './webhook-log.ts'

export function ledgerSql(ledger: Ledger): LedgerSql {
  return ledger === 'email_logs' ? mailLedger : webhookLedger
}
