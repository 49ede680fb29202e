import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { templateJoin } from '../../../src/consumers/campaign-template.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign } from '../postgres/platform-rows.ts'
import { insert } from './earned-reward.ts'

const people = 10_000
let database: MigratedDatabase
let campaignId: string
beforeAll(async () => {
  database = await migratedDatabase()
  campaignId = await insertCampaign(database.sql)
  await database.sql.query(
    `INSERT INTO waitlist_users (campaign_id, email, referral_code, status, position, original_position)
     SELECT $1, 'person-' || n || '@example.com', 'code-' || n, 'verified', n, n FROM generate_series(1, $2::int) AS n`,
    [campaignId, people],
  )
  // Another program's table may be laxer than ours.
  await database.sql.query('ALTER TABLE email_templates ALTER variant_weight DROP NOT NULL')
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE email_templates CASCADE'))

const template = (columns: Record<string, unknown>) =>
  insert(database.sql, 'email_templates', { campaign_id: campaignId, name: 'T', type: 'welcome', subject: 'S', text_body: 'B', ...columns })

/** The template of every person, null for the built-in. */
async function shared(): Promise<ReadonlyMap<string, string | null>> {
  const rows = await database.sql.query<{ person: string; template: string | null }>(
    `SELECT u.id AS person, t.id AS template FROM waitlist_users u ${templateJoin(`t.type = 'welcome' AND t.send_automatically`)}`,
  )
  expect(rows).toHaveLength(people)
  return new Map(rows.map(({ person, template }) => [person, template]))
}

const share = (of: ReadonlyMap<string, string | null>, id: string | null) => [...of.values()].filter((one) => one === id).length / people

describe('variants of a template', () => {
  it('are assigned by their weights, the same way every time', async () => {
    const [a, b, c] = [
      await template({ variant_weight: 60 }),
      await template({ variant_weight: 30 }),
      await template({ variant_weight: 10 }),
    ]
    const first = await shared()
    // Five standard deviations of 10,000 draws are at most 2.5 in a hundred.
    expect(Math.abs(share(first, a) - 0.6)).toBeLessThan(0.025)
    expect(Math.abs(share(first, b) - 0.3)).toBeLessThan(0.025)
    expect(Math.abs(share(first, c) - 0.1)).toBeLessThan(0.025)
    expect(await shared()).toEqual(first)
  })

  it('move people only to or from the variant that is added or changed', async () => {
    await template({ variant_weight: 100 })
    await template({ variant_weight: 100 })
    const before = await shared()
    const added = await template({ variant_weight: 50 })
    const after = await shared()
    expect([...after].filter(([person, id]) => id !== added && id !== before.get(person))).toEqual([])
    expect(Math.abs(share(after, added) - 0.2)).toBeLessThan(0.025)
    await database.sql.query('UPDATE email_templates SET variant_weight = 20 WHERE id = $1', [added])
    const less = await shared()
    expect([...less].filter(([person, id]) => id !== after.get(person) && after.get(person) !== added)).toEqual([])
    await database.sql.query('UPDATE email_templates SET variant_weight = 0 WHERE id = $1', [added])
    expect(await shared()).toEqual(before)
  })

  it('without a weight have the weight 100', async () => {
    const [a, b] = [await template({ variant_weight: null }), await template({ variant_weight: 100 })]
    const both = await shared()
    expect(Math.abs(share(both, a) - 0.5)).toBeLessThan(0.025)
    expect(share(both, a) + share(both, b)).toBe(1)
  })

  it('are the enabled, automatic, existing templates of the type; without any the built-in is used', async () => {
    await template({ enabled: false })
    await template({ send_automatically: false })
    await template({ deleted_at: new Date() })
    await template({ type: 'milestone' })
    await template({ variant_weight: 0 })
    expect(share(await shared(), null)).toBe(1)
    const only = await template({ variant_weight: 1 })
    expect(share(await shared(), only)).toBe(1)
  })
})
