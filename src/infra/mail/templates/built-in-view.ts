import type { Branding } from '../../../delivery/email/mail-message.ts'
import { themeOf } from './theme.ts'
import type { View } from './template-part.ts'

/** What the built-in templates may name: the documented variables, some written for people, and what the layout needs. */
export const builtInExtras = [
  'greeting_name',
  'campaign',
  'campaign_start',
  'sender_name',
  'company',
  'friends',
  'milestone_title',
  'reward_kind',
  'has_details',
  'detail_lines',
  'share_url',
  'invite_url',
  'logo_url',
  'button_color',
  'button_text',
  'button_dark',
  'button_text_dark',
  'accent_color',
  'accent_dark',
] as const satisfies readonly (keyof Extras)[]

/** The view of a built-in: numbers with separators, codes of the platform in words, links only where they are links. */
export function builtInView(view: View, branding: Branding): View {
  const name = textOf(view['campaign_name'])
  const company = textOf(view['company_name']) || textOf(branding.companyName)
  const link = linkOf(textOf(view['referral_link']))
  const details = textOf(view['reward_details'])
  const campaign = name || 'the waitlist'
  const extras: Extras = {
    ...themeOf(branding),
    greeting_name: greetingOf(textOf(view['first_name'])),
    campaign,
    campaign_start: name || 'The waitlist',
    sender_name: name || company,
    company: company === name ? '' : company,
    friends: friendsOf(view['referral_count']),
    milestone_title: milestoneOf(textOf(view['milestone'])),
    reward_kind: kindOf(textOf(view['reward_type'])),
    has_details: details === '' ? '' : 'yes',
    detail_lines: details === '' ? [] : details.split(/\r\n|\r|\n/),
    share_url: link,
    invite_url: link === '' ? '' : inviteOf(campaign, link),
  }
  const readable = { position: figureOf(view['position']), participant_count: figureOf(view['participant_count']) }
  const all: View = Object.assign(Object.create(null), view, extras, readable)
  return all
}

interface Extras extends ReturnType<typeof themeOf> {
  readonly greeting_name: string
  readonly campaign: string
  readonly campaign_start: string
  readonly sender_name: string
  readonly company: string
  readonly friends: string
  readonly milestone_title: string
  readonly reward_kind: string
  readonly has_details: string
  readonly detail_lines: readonly string[]
  readonly share_url: string
  readonly invite_url: string
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : ''
}

const figures = new Intl.NumberFormat('en-US')

/** A count of one or more, with separators. Zero says "not ranked yet" or "nobody yet" and is left out. */
function figureOf(value: unknown): string {
  const count = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof count === 'number' && Number.isFinite(count) && count > 0 ? figures.format(count) : ''
}

function friendsOf(value: unknown): string {
  const count = figureOf(value)
  return count === '' ? '' : `${count} ${count === '1' ? 'friend' : 'friends'}`
}

/** Sign-up forms are open to everybody: a "first name" with a link in it would make our mail somebody's spam. */
function greetingOf(name: string): string {
  return name.length > 40 || /[/\\:@<>]|www\.|\.\p{L}{2}/iu.test(name) ? '' : name
}

function linkOf(url: string): string {
  return /^https?:\/\//i.test(url) && URL.canParse(url) ? url : ''
}

/** Opens a new mail to a friend, in every client and without a script. */
function inviteOf(campaign: string, link: string): string {
  const body = `Hi,\r\n\r\nI joined ${campaign}. With this link you can join too:\r\n${link}\r\n`
  return `mailto:?subject=${encode(`Join me on ${campaign}`)}&body=${encode(body)}`
}

/** A lone surrogate would make encodeURIComponent throw. */
function encode(words: string): string {
  return encodeURIComponent(words.toWellFormed())
}

/** `1000_participants` is written "1,000 participants". */
function milestoneOf(code: string): string {
  const words = /^\d+$/.test(code) ? `${code} participants` : code.replace(/_+/g, ' ')
  return words.replace(/^\d{4,15}(?= )/, (digits) => figures.format(Number(digits)))
}

/** `premium_feature` is written "Premium feature"; `custom` says nothing to anybody. */
function kindOf(type: string): string {
  return type === 'custom' ? '' : type.charAt(0).toUpperCase() + type.slice(1).replace(/_+/g, ' ')
}
