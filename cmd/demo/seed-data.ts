import type { Random } from './random.ts'

/** The platform's rows before the scenario begins. */
export interface SeedData {
  readonly accounts: readonly Account[]
  readonly campaigns: readonly Campaign[]
  readonly templates: readonly Template[]
  readonly rewards: readonly Reward[]
  readonly endpoints: readonly Endpoint[]
}

interface Account {
  readonly id: string
  readonly name: string
  readonly slug: string
}

export interface Campaign {
  readonly id: string
  readonly accountId: string
  readonly name: string
  readonly slug: string
  /** Null: the setting is absent, and a referral is worth one. */
  readonly points: number | null
  /** Null: the worker's own sender. */
  readonly fromEmail: string | null
  readonly color: string | null
  readonly domain: string | null
  /** How much of what happens, happens here; all together are 1. */
  readonly share: number
}

interface Template {
  readonly id: string
  readonly campaignId: string
  readonly name: string
  readonly type: string
  readonly subject: string
  readonly html: string
  readonly text: string
}

export interface Reward {
  readonly id: string
  readonly campaignId: string
  readonly name: string
  readonly description: string
  readonly type: string
  readonly method: 'email' | 'webhook' | 'manual'
  readonly codeTemplate: string | null
  readonly value: string
  /** Path of the endpoint that it goes to. */
  readonly path: string | null
}

interface Endpoint {
  readonly id: string
  readonly accountId: string
  readonly campaignId: string | null
  readonly path: string
  /** A decoy has a secret that its receiver does not accept: another row has to be chosen. */
  readonly decoy: boolean
}

/** Two accounts with four campaigns, differing in all that a mail, a delivery or a leaderboard takes from them. */
export function createSeedData(random: Random): SeedData {
  const accounts = ['Demo account A', 'Demo account B'].map((name) => ({
    id: random.uuid(),
    name,
    slug: `${slugOf(name)}-${tail(random)}`,
  }))
  const [first, second] = accounts.map(({ id }) => id)
  if (first === undefined || second === undefined) throw new Error('There are two accounts.')
  const campaigns = [
    {
      accountId: first,
      name: 'Early access',
      points: 10,
      fromEmail: 'early@example.com',
      color: '#4f46e5',
      domain: 'early.example.com',
      share: 0.5,
    },
    {
      accountId: first,
      name: 'Spring edition',
      points: null,
      fromEmail: 'spring@example.com',
      color: '#0f766e',
      domain: null,
      share: 0.25,
    },
    { accountId: second, name: 'Beta contest', points: 5, fromEmail: null, color: null, domain: null, share: 0.15 },
    {
      accountId: second,
      name: 'Launch list',
      points: 3,
      fromEmail: 'launch@example.org',
      color: '#b91c1c',
      domain: 'launch.example.org',
      share: 0.1,
    },
  ].map((campaign) => Object.assign(campaign, { id: random.uuid(), slug: `${slugOf(campaign.name)}-${tail(random)}` }))
  return {
    accounts,
    campaigns,
    templates: campaigns.slice(0, 1).flatMap(({ id }) => ownTemplates(random, id)),
    rewards: campaigns.flatMap((campaign) => rewardsOf(random, campaign)),
    endpoints: endpointsOf(random, campaigns),
  }
}

/** The first campaign writes three mails itself and takes the built-in ones for the rest. */
function ownTemplates(random: Random, campaignId: string): Template[] {
  const template = (name: string, type: string, subject: string, words: string) => ({
    id: random.uuid(),
    campaignId,
    name,
    type,
    subject,
    html: `<!doctype html><html><head><style>h1 { color: #4f46e5 } p { font: 16px sans-serif }</style></head><body><h1>${subject}</h1><p>${words}</p></body></html>`,
    text: `${subject}\n\n${words}\n`,
  })
  return [
    template('Welcome', 'welcome', 'Welcome to {{campaign_name}}, {{first_name}}', 'Your link: {{referral_link}}'),
    template('Position', 'position_update', 'You are number {{position}}', '{{referral_count}} came through {{referral_link}}.'),
    template(
      'reward_delivery',
      'custom',
      'Your reward: {{reward_name}}',
      '{{reward_description}} Your code: {{reward_code}}. {{reward_details}}',
    ),
  ]
}

function rewardsOf(random: Random, { id: campaignId, slug }: { readonly id: string; readonly slug: string }): Reward[] {
  const reward = (name: string, type: string, method: Reward['method'], more: Partial<Reward> = {}): Reward => ({
    id: random.uuid(),
    campaignId,
    name,
    description: `${name}, for those who bring others.`,
    type,
    method,
    codeTemplate: null,
    value: '20 %',
    path: null,
    ...more,
  })
  return [
    reward('Discount', 'discount', 'email', { codeTemplate: 'SAVE-{random}' }),
    reward('First look', 'early_access', 'email'),
    reward('Upgrade', 'premium_feature', 'webhook', { path: `/${slug}`, codeTemplate: 'UP-{random}' }),
    reward('Add-on', 'custom', 'webhook', { path: '/shared' }),
    reward('Lost parcel', 'custom', 'webhook', { path: '/nobody-listens' }),
    reward('Shirt', 'merchandise', 'manual'),
  ]
}

/** `/shared` belongs to each account; the first campaign's own row for it goes before that of its account. */
function endpointsOf(random: Random, campaigns: readonly Omit<Campaign, 'share'>[]): Endpoint[] {
  const accounts = [...new Set(campaigns.map(({ accountId }) => accountId))]
  const own = campaigns.map(({ id, accountId, slug }) => ({ accountId, campaignId: id, path: `/${slug}`, decoy: false }))
  const decoys = campaigns.slice(0, 1).map(({ id, accountId }) => [
    { accountId, campaignId: null, path: `/${campaigns[0]?.slug ?? ''}`, decoy: true },
    { accountId, campaignId: id, path: '/shared', decoy: false },
  ])
  const shared = accounts.map((accountId) => ({ accountId, campaignId: null, path: '/shared', decoy: false }))
  return [...own, ...decoys.flat(), ...shared].map((endpoint) => Object.assign(endpoint, { id: random.uuid() }))
}

function slugOf(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-')
}

function tail(random: Random): string {
  return random.uuid().slice(0, 4)
}
