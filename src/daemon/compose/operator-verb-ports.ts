import type { Config } from '../../../config/load.ts'
import { operatorGroups } from '../../admin/operator-group.ts'
import { listedConsumers } from '../../consumers/registry.ts'
import type { OperatorVerbs } from '../../infra/http/admin-routes.ts'
import { createPauseAdmin } from '../../infra/postgres/admin/postgres-pause-admin.ts'
import { createProgressAdmin } from '../../infra/postgres/admin/postgres-progress-admin.ts'
import { createSuppressionAdmin } from '../../infra/postgres/admin/postgres-suppression-admin.ts'
import { adminNeeds, checkRights } from '../../infra/postgres/schema/schema-check.ts'
import type { Log } from '../../infra/telemetry/log.ts'
import type { LogAdmin } from '../../ingest/log-admin.ts'
import type { Clock } from '../../std/clock.ts'
import type { Database } from '../../std/sql.ts'
import { operatorVerbs } from '../operator-verbs.ts'
import { pauseNames } from './pause-names.ts'

/** The admin verbs that change rows, for every registered group, as workerctl: another daemon may run those that this one does not. */
export function composeOperatorVerbs(of: {
  readonly config: Config
  readonly database: Database
  readonly admin: LogAdmin
  readonly log: Log
  readonly clock: Clock
}): OperatorVerbs {
  const { config, database, admin, log, clock } = of
  const groups = operatorGroups(listedConsumers, config.kafka)
  return operatorVerbs({
    groups,
    names: pauseNames(groups),
    pauses: createPauseAdmin(database),
    progress: createProgressAdmin(database),
    suppressions: createSuppressionAdmin(database.sql),
    withLog: (work) => work(admin),
    now: () => clock.now(),
    checkRights: () => checkRights(database.sql, adminNeeds),
    onSuppressed: (suppression) => log.info(suppression, 'address suppressed by an operator'),
  })
}
