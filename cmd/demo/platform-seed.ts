import type { Sql } from '../../src/std/sql.ts'
import type { Campaign, Reward, SeedData } from './seed-data.ts'

/** Where a path of the scenario is, and the secret that its receiver accepts. */
export type EndpointAddress = (path: string) => { readonly url: string; readonly secret: string }

/** Writes what is there before the scenario begins, marked as the demo's own. */
export async function writeSeedData(tx: Sql, seedData: SeedData, address: EndpointAddress): Promise<void> {
  const accounts = seedData.accounts.map(({ id }) => id)
  await tx.query('INSERT INTO demo.accounts (id) SELECT unnest($1::uuid[])', [accounts])
  await insert(tx, 'accounts', seedData.accounts)
  await insert(tx, 'campaigns', seedData.campaigns.map(campaignRow))
  await insert(
    tx,
    'email_templates',
    seedData.templates.map(({ id, campaignId, name, type, subject, html, text }) => ({
      id,
      campaign_id: campaignId,
      name,
      type,
      subject,
      html_body: html,
      text_body: text,
    })),
  )
  await insert(
    tx,
    'rewards',
    seedData.rewards.map((reward) => rewardRow(reward, address)),
  )
  await insert(
    tx,
    'webhooks',
    seedData.endpoints.map(({ id, accountId, campaignId, path, decoy }) => ({
      id,
      account_id: accountId,
      campaign_id: campaignId,
      url: address(path).url,
      secret: decoy ? `whsec_${Buffer.alloc(24, path).toString('base64')}` : address(path).secret,
      events: ['reward.delivered'],
    })),
  )
}

function campaignRow(campaign: Campaign) {
  return {
    id: campaign.id,
    account_id: campaign.accountId,
    name: campaign.name,
    slug: campaign.slug,
    status: 'active',
    type: 'referral',
    referral_config: { enabled: true, verified_only: true, ...(campaign.points === null ? {} : { points_per_referral: campaign.points }) },
    email_config: {
      from_name: campaign.name,
      verification_required: true,
      ...(campaign.fromEmail === null ? {} : { from_email: campaign.fromEmail, reply_to: 'replies@example.com' }),
    },
    branding_config: {
      ...(campaign.color === null ? {} : { primary_color: campaign.color }),
      ...(campaign.domain === null ? {} : { custom_domain: campaign.domain }),
    },
  }
}

function rewardRow(reward: Reward, address: EndpointAddress) {
  return {
    id: reward.id,
    campaign_id: reward.campaignId,
    name: reward.name,
    description: reward.description,
    type: reward.type,
    config: {
      value: reward.value,
      instructions: 'Show it when you order.',
      ...(reward.codeTemplate === null ? {} : { code_template: reward.codeTemplate }),
    },
    trigger_type: 'referral_count',
    trigger_config: { count: 1 },
    delivery_method: reward.method,
    delivery_config: reward.path === null ? {} : { webhook_url: address(reward.path).url },
  }
}

/** The columns are those that the rows name; all others have their defaults. Names of tables and columns are our own. */
async function insert(tx: Sql, table: string, rows: readonly object[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {}).join(', ')
  if (columns === '') return
  await tx.query(
    `INSERT INTO platform.${table} (${columns}) SELECT ${columns} FROM jsonb_populate_recordset(NULL::platform.${table}, $1::jsonb)`,
    [JSON.stringify(rows)],
  )
}
