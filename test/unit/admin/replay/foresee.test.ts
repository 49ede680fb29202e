import { expect, it } from 'vitest'
import { foresee } from '../../../../src/admin/replay/foresee.ts'
import { createKindTable } from '../../../../src/delivery/kind-table.ts'
import type { Intent } from '../../../../src/model/intent.ts'
import { prepareEach, type AnyIntentKind } from '../../../../src/model/intent-kind.ts'
import { SqlError, type Sql } from '../../../../src/std/sql.ts'
import { sampleIntent } from '../../../support/sample-intent.ts'
import '../../../../src/delivery/email/mail-message.ts'

const noSql: Sql = { query: () => Promise.reject(new Error('no database')) }

function kinds(...list: readonly AnyIntentKind[]) {
  const table = createKindTable(list)
  return (intent: Pick<Intent, 'kind' | 'version' | 'channel'>) => table.of(intent)
}

const intent = (id: string, change: Partial<Intent> = {}) =>
  sampleIntent({ id, kind: 'mail', version: 1, channel: 'email', userId: id, ...change })
const foreseen = async (intents: readonly Intent[], ...list: readonly AnyIntentKind[]) =>
  (await foresee(intents, kinds(...list), noSql, async () => null)).map(({ as, reason, channel, mails }) => ({
    as,
    reason,
    channel,
    mails,
  }))

it('prepares in blocks; one whose own rows make it fail is alone', async () => {
  const blocks: number[] = []
  const kind: AnyIntentKind = {
    kind: 'mail',
    version: 1,
    channel: 'email',
    async prepare(some) {
      blocks.push(some.length)
      if (some.some(({ id }) => id === '2')) throw new SqlError('a row', { state: '22P02' })
      return some.map(() => ({ is: 'skip', reason: 'stale' }))
    },
  }
  const ends = await foreseen(
    ['1', '2', '3'].map((id) => intent(id)),
    kind,
  )
  expect(ends.map(({ as, reason }) => `${as} ${reason}`)).toEqual(['skip stale', 'broken prepare-failed', 'skip stale'])
  expect(blocks).toEqual([3, 1, 1, 1])
})

it('follows an intent to another channel, and counts the mails of a broadcast', async () => {
  const moving: AnyIntentKind = {
    kind: 'reward',
    version: 1,
    channel: 'webhook',
    prepare: prepareEach(async () => ({ is: 'channel', channel: 'email' })),
  }
  const there: AnyIntentKind = {
    kind: 'reward',
    version: 1,
    channel: 'email',
    prepare: prepareEach(async () => ({ is: 'dead', reason: 'no-endpoint' })),
  }
  const broadcast: AnyIntentKind = {
    kind: 'broadcast',
    version: 1,
    channel: 'broadcast',
    prepare: prepareEach(async () => ({
      is: 'message',
      message: { count: async () => 7, page: async () => ({ drafts: [], cursor: null }) },
    })),
  }
  const reward = intent('1', { kind: 'reward', channel: 'webhook' })
  expect(await foreseen([reward, intent('2', { kind: 'broadcast', channel: 'broadcast' })], moving, there, broadcast)).toEqual([
    { as: 'dead', reason: 'no-endpoint', channel: 'email', mails: null },
    { as: 'send', reason: null, channel: 'broadcast', mails: 7 },
  ])
})

it('rejects when the database is away, and names a kind that this build does not know', async () => {
  const away: AnyIntentKind = { kind: 'mail', version: 1, channel: 'email', prepare: () => Promise.reject(new SqlError('away', {})) }
  await expect(foresee([intent('1')], kinds(away), noSql, async () => null)).rejects.toThrow('away')
  expect(await foreseen([intent('1', { version: 9 })], away)).toEqual([
    { as: 'broken', reason: 'unknown-kind', channel: 'email', mails: null },
  ])
})
