import type { MailMessage, MailType, TemplateValues } from '../../delivery/email/mail-message.ts'
import type { Intent, IntentDraft, JsonObject } from '../../model/intent.ts'
import type { IntentKind, Prepared } from '../../model/intent-kind.ts'
import type { Sql } from '../../std/sql.ts'
import { sqlArray } from '../../std/sql-array.ts'
import { templateColumns, templateJoin, templateOf, type TemplateRow } from '../campaign-template.ts'
import { eligibilityColumns, eligibilityJoins, judge, missingRow, notFound, type EligibilityRow } from '../eligibility.ts'
import { expectOne } from '../expect-one.ts'
import {
  addressColumns,
  canUnsubscribeFrom,
  forbiddenAddress,
  claimedTo,
  inEverySpelling,
  isStale,
  type AddressRow,
  type MailRules,
} from '../mail-rules.ts'
import { domainNote, personColumns, personMail, type PersonRow } from '../person-mail.ts'
import { awaitPosition, positionColumns, positionJoins, type PositionRow } from './position-mail.ts'

export interface MailKindSettings {
  /** Links of campaigns without a domain of their own; `{referral_code}` stands for the code. */
  readonly referralLinkTemplate: string | null
  readonly missingRowWaitMs: number
  readonly positionMailMaxWaitMs: number
  readonly rules: MailRules
}

/** The mail types of this group, one intent per mail; `reward_delivery` belongs to the reward group. */
type OwnMail = Exclude<MailType, 'reward_delivery'>

/** The draft of one mail; its key is type, event and person, so that the mail is sent once. */
export function mailDraft(eventId: string, type: OwnMail, to: { campaignId: string; userId: string }, data: JsonObject = {}): IntentDraft {
  return {
    kind: 'mail',
    version: 1,
    channel: 'email',
    key: `mail:${eventId}:${type}:${to.userId}`,
    campaignId: to.campaignId,
    userId: to.userId,
    data: { ...data, type },
  }
}

/** Reads the content of all mails of a block and the eligibility of their recipients in one statement. */
export function createMailKind(settings: MailKindSettings): IntentKind<'email'> {
  return {
    kind: 'mail',
    version: 1,
    channel: 'email',
    async prepare(intents, read) {
      const looks = intents.map((intent) => lookOf(intent, settings.rules))
      const rows = await readRows(
        read,
        looks.filter((look) => look.is === 'look'),
      )
      return looks.map((look) => (look.is === 'look' ? answerOf(look, rows.get(look), settings) : look))
    },
  }
}

/** A mail that depends on rows of the platform. */
interface Look {
  readonly is: 'look'
  readonly intent: Intent
  readonly type: OwnMail
  readonly userId: string
}

function lookOf(intent: Intent, rules: MailRules): Look | { readonly is: 'skip'; readonly reason: string } {
  const type = mailTypeOf(intent)
  const userId = intent.userId
  if (type === null || userId === null) return { is: 'skip', reason: 'unknown-mail' }
  // The mails of a broadcast are created long after the event, whose age was judged with the broadcast.
  if (intent.class !== 'broadcast' && isStale(intent, rules)) return { is: 'skip', reason: 'stale' }
  return { is: 'look', intent, type, userId }
}

function answerOf({ intent, type }: Look, row: Row | undefined, settings: MailKindSettings): Prepared<MailMessage> {
  const eligible = judge(row, intent, { ...settings, now: row?.now ?? new Date() })
  if (eligible.is === 'skip') return eligible
  // Final reasons come before waits: an ineligible person's mail does not wait for a paused campaign.
  const forbidden = row === undefined ? null : forbiddenAddress(row, type, settings.rules)
  if (forbidden !== null) return { is: 'skip', reason: forbidden }
  if (eligible.is === 'wait' || row === undefined) return eligible.is === 'wait' ? eligible : { is: 'skip', reason: notFound }

  let note: string | null = null
  if (type === 'position_update') {
    const wait = awaitPosition(row, intent, settings)
    if (wait.is !== 'go') return wait
    note = wait.note
  }
  if (type === 'reward_earned' && row.reward_name === null) {
    const wait = missingRow(intent, { ...settings, now: row.now })
    if (wait.is !== 'go') return wait
  }
  const person = personMail(row, settings.referralLinkTemplate)
  const link = canUnsubscribeFrom(type) ? settings.rules.unsubscribeLink : null
  const unsubscribeUrl = link === null ? null : link({ userId: row.user_id, campaignId: row.campaign_id })
  const message: MailMessage = {
    ...person,
    type,
    template: templateOf(row, type),
    templateId: row.template_id,
    values: { ...person.values, ...valuesOf(type, intent, row), unsubscribe_link: unsubscribeUrl },
    unsubscribeUrl,
  }
  note ??= domainNote(row)
  return note === null ? { is: 'message', message } : { is: 'message', message, note }
}

type Row = EligibilityRow &
  PersonRow &
  AddressRow &
  TemplateRow &
  PositionRow & {
    readonly now: Date
    readonly reward_name: string | null
    readonly reward_description: string | null
    readonly reward_type: string | null
  }

/** The rows that were found. */
async function readRows(read: Sql, looks: readonly Look[]): Promise<ReadonlyMap<Look, Row>> {
  if (looks.length === 0) return new Map()
  const rows = await read.query<Row & { readonly n: number }>(statement, [
    sqlArray(looks, ({ intent }) => intent.campaignId),
    sqlArray(looks, ({ userId }) => userId),
    sqlArray(looks, ({ type }) => type),
    sqlArray(looks, ({ type, intent }) => (type === 'position_update' ? idOf(intent, 'referral_id') : null)),
    sqlArray(looks, ({ type, intent }) => (type === 'reward_earned' ? idOf(intent, 'user_reward_id') : null)),
    sqlArray(looks, ({ intent }) => intent.waitingSince?.toISOString()),
    sqlArray(looks, ({ intent }) => claimedTo(intent)),
  ])
  const found = new Map<Look, Row>()
  for (const row of await inEverySpelling(read, rows)) {
    const look = looks[row.n - 1]
    if (look !== undefined) found.set(look, row)
  }
  return found
}

/** Joined for mails about a reward only. By the id first, then the person, so that the other rewards of the person are not read. */
const statement = `
  SELECT q.n::int AS n, now() AS now, ${eligibilityColumns}, ${personColumns}, ${addressColumns('q.handed_over')}, ${templateColumns},
    r.name AS reward_name, r.description AS reward_description, r.type AS reward_type, ${positionColumns}
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::text[]) WITH ORDINALITY
    AS q (campaign_id, user_id, type, referral_id, user_reward_id, waiting_since, handed_over, n)
  JOIN platform.waitlist_users u ON u.id = q.user_id AND u.campaign_id = q.campaign_id
  ${eligibilityJoins}
  ${templateJoin('t.type::text = q.type AND t.send_automatically')}
  ${positionJoins}
  LEFT JOIN LATERAL (
    SELECT r.name, r.description, r.type FROM platform.user_rewards ur
      JOIN platform.rewards r ON r.id = CASE WHEN ur.user_id = u.id THEN ur.reward_id END
     WHERE q.user_reward_id IS NOT NULL AND ur.id = q.user_reward_id LIMIT 1) r ON true
  WHERE ${expectOne('q.n')}`

const ownMails: readonly OwnMail[] = ['welcome', 'verification', 'position_update', 'reward_earned', 'milestone']

/** The id of the row that the mail is about, besides the person. */
function idOf(intent: Intent, name: string): string | null {
  const id = intent.data[name]
  return typeof id === 'string' ? id : null
}

function valuesOf(type: OwnMail, intent: Intent, row: Row): TemplateValues {
  switch (type) {
    case 'reward_earned':
      return { reward_name: row.reward_name, reward_description: row.reward_description, reward_type: row.reward_type }
    case 'milestone': {
      const { milestone, participant_count: count } = intent.data
      return { milestone: typeof milestone === 'string' ? milestone : null, participant_count: typeof count === 'number' ? count : null }
    }
    case 'welcome':
    case 'verification':
    case 'position_update':
      return {}
  }
}

function mailTypeOf(intent: Intent): OwnMail | null {
  const type = intent.data['type']
  return ownMails.find((own) => own === type) ?? null
}
