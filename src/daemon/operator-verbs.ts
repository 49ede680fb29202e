import { beginPause, endPause, type PausePorts } from '../admin/pauses/change-pauses.ts'
import { pauseOfFields, resumeOfFields } from '../admin/pauses/pause-fields.ts'
import type { PauseNames } from '../admin/pauses/pause-target.ts'
import type { SuppressionAdmin } from '../admin/suppressions/suppression-admin.ts'
import { suppressionOfFields, suppressionSentences } from '../admin/suppressions/suppression-fields.ts'
import type { AdminAnswer, OperatorVerbs } from '../infra/http/admin-routes.ts'
import { OperatorError, ServerAway } from '../std/failure.ts'

/** What the verbs work with. */
export interface OperatorVerbPorts extends PausePorts {
  readonly names: PauseNames
  readonly suppressions: Pick<SuppressionAdmin, 'add'>
  /** @throws {OperatorError} the role of this process may not change pauses: the sentence has the grant. */
  checkRights(): Promise<void>
  /** Called once a suppression is on record; with everything but the address. */
  onSuppressed(of: { readonly accountId: string; readonly reason: string; readonly owner: string; readonly because: string }): void
}

/**
 * `POST /admin/pause`, `resume` and `suppress`, by the rules of the commands of workerctl and with the objects that these print as `--json`.
 * A field that is wrong is refused with 400, a change that is not possible with 409, and with 503 one that Kafka keeps from being made because it does not answer.
 */
export function operatorVerbs(ports: OperatorVerbPorts): OperatorVerbs {
  return {
    pause: verb(
      (body) => pauseOfFields(body, ports.names),
      async ({ request, extend }) => {
        await ports.checkRights()
        return beginPause(request, { replace: extend, way: 'give extend with true' }, ports)
      },
    ),
    resume: verb(
      (body) => resumeOfFields(body, ports.names),
      async ({ target, by }) => {
        await ports.checkRights()
        return { ended: await endPause(target, by, ports.pauses) }
      },
    ),
    suppress: verb(suppressionOfFields, async ({ address, ...of }) => {
      const is = await ports.suppressions.add({ ...of, address })
      if (is === 'unknown-account') throw new OperatorError(`There is no account ${of.accountId}: give the id of a row of accounts.`)
      if (is === 'recorded') ports.onSuppressed(of)
      return { is, suppression: of, sentences: suppressionSentences(of, is === 'recorded') }
    }),
  }
}

type Body = Readonly<Record<string, unknown>>

function verb<Order>(read: (body: Body) => Order, execute: (order: Order) => Promise<object>): (body: Body) => Promise<AdminAnswer> {
  return async (body) => {
    let order: Order
    try {
      order = read(body)
    } catch (error) {
      return refusal(400, error)
    }
    try {
      return { done: await execute(order) }
    } catch (error) {
      return refusal(409, error)
    }
  }
}

function refusal(status: 400 | 409, error: unknown): AdminAnswer {
  if (error instanceof ServerAway) return { refused: error.message, status: 503 }
  if (error instanceof OperatorError) return { refused: error.message, status }
  throw error
}
