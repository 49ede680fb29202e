import type { MailMessage, MailType, TemplateValues } from '../../delivery/email/mail-message.ts'
import type { Intent, IntentDraft, JsonObject } from '../../model/intent.ts'
import { prepareEach, type IntentKind, type Prepared } from '../../model/intent-kind.ts'
import type { Sql } from '../../std/sql.ts'
import { templateColumns, templateJoin, templateOf, type TemplateRow } from '../campaign-template.ts'
import { eligibilityColumns, eligibilityJoins, judge, missingRow, notFound, type EligibilityRow } from '../eligibility.ts'
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

/** The mails that this group sends by an intent each; `reward_delivery` is the reward group's. */
type OwnMail = Exclude<MailType, 'reward_delivery'>

/** One mail of one type about one event to one person: its key, so that nothing sends it twice. */
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

/** Reads the content of the mail and the person's eligibility in one statement. */
export function createMailKind(settings: MailKindSettings): IntentKind<'email'> {
  return {
    kind: 'mail',
    version: 1,
    channel: 'email',
    prepare: prepareEach(async (intent, read): Promise<Prepared<MailMessage>> => {
      const type = mailTypeOf(intent)
      const userId = intent.userId
      if (type === null || userId === null) return { is: 'skip', reason: 'unknown-mail' }
      // The mails of a broadcast are born long after the event: it was judged with the broadcast.
      if (intent.class !== 'broadcast' && isStale(intent, settings.rules)) return { is: 'skip', reason: 'stale' }
      const row = await readRow(read, type, intent, userId)
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
    }),
  }
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

async function readRow(read: Sql, type: OwnMail, intent: Intent, userId: string): Promise<Row | undefined> {
  const [row] = await read.query<Row>(statements[type], [
    intent.campaignId,
    userId,
    subjectOf(type, intent),
    intent.waitingSince,
    claimedTo(intent),
  ])
  return row && inEverySpelling(read, row)
}

const noReward = 'NULL::text AS reward_name, NULL::text AS reward_description, NULL::text AS reward_type'
const noPosition = 'NULL::text AS referral_status, NULL::boolean AS ranked, NULL::boolean AS recalculated'

function statement(type: OwnMail, columns: string, joins: string): string {
  return `SELECT now() AS now, ${eligibilityColumns}, ${personColumns}, ${addressColumns('q.handed_over')}, ${templateColumns},
    ${columns}
  FROM (SELECT $1::uuid AS campaign_id, $2::uuid AS user_id, $3::uuid AS subject_id, $4::timestamptz AS waiting_since, $5::text AS handed_over) q
  JOIN platform.waitlist_users u ON u.id = q.user_id AND u.campaign_id = q.campaign_id
  ${eligibilityJoins}
  ${templateJoin(`t.type = '${type}' AND t.send_automatically`)}
  ${joins}`
}

const statements: Readonly<Record<OwnMail, string>> = {
  welcome: statement('welcome', `${noReward}, ${noPosition}`, ''),
  verification: statement('verification', `${noReward}, ${noPosition}`, ''),
  milestone: statement('milestone', `${noReward}, ${noPosition}`, ''),
  position_update: statement('position_update', `${noReward}, ${positionColumns}`, positionJoins),
  reward_earned: statement(
    'reward_earned',
    `r.name AS reward_name, r.description AS reward_description, r.type AS reward_type, ${noPosition}`,
    'LEFT JOIN platform.user_rewards ur ON ur.id = q.subject_id AND ur.user_id = u.id LEFT JOIN platform.rewards r ON r.id = ur.reward_id',
  ),
}

const ownMails: readonly OwnMail[] = ['welcome', 'verification', 'position_update', 'reward_earned', 'milestone']

/** What the mail is about, beside the person: the referral or the reward. */
function subjectOf(type: OwnMail, intent: Intent): string | null {
  const id = type === 'position_update' ? intent.data['referral_id'] : type === 'reward_earned' ? intent.data['user_reward_id'] : null
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
