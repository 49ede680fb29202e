import type { Endings } from './endings.ts'
import type { EntryOf } from './history.ts'
import type { PlannedMail } from './mail-plan.ts'
import { nameOf } from './message-id.ts'
import type { Findings } from './verdict.ts'
import { when } from './verdict.ts'
import { isLostTime, wasSetBack, type WholeHistory } from './whole-history.ts'

type Mail = EntryOf<'mail'>

/** Puts every mail to its plan, and judges each: one copy, or two where the row owns up to a doubt; to the right person; none missing. */
export function judgeMails(history: WholeHistory, plan: ReadonlyMap<string, PlannedMail>, endings: Endings, findings: Findings): void {
  for (const mail of history.mails.toSorted((one, other) => one.at - other.at)) {
    findings.checked('I2')
    const planned = plan.get(nameOf(mail.messageId))
    if (planned === undefined) findings.violated('I2', `${told(mail)} is a mail that no event asks for.`)
    else planned.mails.push(mail)
  }
  for (const planned of plan.values()) {
    findings.checked('I2')
    judgeCopies(history, planned, findings)
    judgeAddress(planned, findings)
    judgeRow(history, planned, endings, findings)
    if (planned.audience === false) findings.violated('I2', `${what(planned)}: this person does not belong to the milestone's audience.`)
  }
}

/** The relay may have taken it: it said so, or said nothing. */
function mayBeTaken({ reply }: Mail): boolean {
  return reply === null || (reply >= 200 && reply < 300)
}

function judgeCopies(history: WholeHistory, planned: PlannedMail, findings: Findings): void {
  const { mails, intent, recovered } = planned
  const [first] = mails
  if (first === undefined) return
  findings.count('mails')
  const copies = mails.filter(mayBeTaken)
  const doubts = intent?.ambiguous ?? 0
  if (doubts > 0) findings.count('ambiguousMails')
  if (copies.length > 1) findings.count('secondCopies', copies.length - 1)
  // What the database has lost is done again, frozen anew: only the Message-ID is the same.
  const isExempt = wasSetBack(history) && (recovered || mails.some(({ at }) => isLostTime(history, at)))
  if (isExempt) {
    if (copies.length > 1) findings.count('copiesAfterRestore')
  } else {
    const allowed = history.run.ambiguous === 'retry' && doubts > 0 ? 2 : 1
    if (copies.length > allowed) {
      findings.count('doubledMails', copies.length - allowed)
      const times = copies.map(({ at }) => when(at)).join(', ')
      findings.violated('I2', `${what(planned)} went out ${copies.length} times (${times}); its row tells of ${doubts} doubts.`)
    }
    if (mails.some(({ sha256 }) => sha256 !== first.sha256))
      findings.violated('I2', `${what(planned)} has copies that differ in their bytes.`)
  }
  if (mails.some(({ messageId }) => messageId !== first.messageId))
    findings.violated('I2', `${what(planned)} has copies with different Message-IDs.`)
}

function judgeAddress(planned: PlannedMail, findings: Findings): void {
  const { purpose, mails, type } = planned
  for (const mail of mails) {
    const [recipient, ...others] = mail.recipients
    const isRight = others.length === 0 && purpose.address !== null && recipient?.toLowerCase() === purpose.address.toLowerCase()
    // The history may name people; the verdict is printed, so it does not.
    if (!isRight)
      findings.violated('I2', `${what(planned)} of ${when(mail.at)} went to ${mail.recipients.length} recipients, not to its person alone.`)
    if (mail.type !== null && mail.type !== type)
      findings.violated('I2', `${what(planned)} of ${when(mail.at)} says that it is of type ${mail.type}.`)
  }
}

/** Rows and sink both ways: sent was taken, and what was taken is sent or in doubt. */
function judgeRow(history: WholeHistory, planned: PlannedMail, endings: Endings, findings: Findings): void {
  const { intent, mails, purpose, audience } = planned
  if (intent === null) {
    if (mails.length > 0) findings.violated('I2', `${what(planned)} went out and has no row.`)
    else if (audience === true && history.run.settles && !wasSetBack(history) && endings.fault(missed, purpose) !== null)
      findings.violated('I2', `${what(planned)}: this person belongs to the milestone's audience and was left out.`)
    return
  }
  const { state, key } = intent
  if (intent.channel !== 'email' && mails.length === 0) return
  if (state === 'sent') {
    if (!mails.some(({ reply }) => reply !== null && reply >= 200 && reply < 300)) {
      findings.count('lost')
      findings.violated('I2', `${key} is sent, and the relay took no such mail.`)
    }
    return
  }
  const taken = mails.filter((mail) => mayBeTaken(mail) && !isLostTime(history, mail.at))
  if (taken.length > 0 && intent.ambiguous === 0 && !isUnfinished(state))
    findings.violated('I2', `${what(planned)} went out at ${when(mails[0]?.at ?? 0)}, and ${key} is ${state} without a doubt on record.`)
  if (!history.run.settles || isUnfinished(state)) return
  const fault = endings.fault(intent, purpose)
  if (fault !== null) findings.violated('I2', `${what(planned)} did not go out: ${key} is ${fault}.`)
}

/** Stands for a row that suppression has kept a broadcast from writing. */
const missed = {
  group: '',
  kind: 'mail',
  channel: 'email',
  key: '',
  coalesce: false,
  eventId: null,
  campaignId: '',
  userId: null,
  state: 'skipped',
  reason: 'suppressed-bounced',
  claims: 0,
  attempt: 0,
  ambiguous: 0,
  frozen: false,
  webhookId: null,
  createdAt: 0,
  finishedAt: null,
} as const

function isUnfinished(state: string): boolean {
  return ['pending', 'claimed', 'handing_over', 'ambiguous'].includes(state)
}

function what({ type, eventId, userId }: PlannedMail): string {
  return `The ${type} mail about event ${eventId} to ${userId}`
}

function told({ messageId, at, type }: Mail): string {
  return `${messageId} of ${when(at)}${type === null ? '' : ` (${type})`}`
}
