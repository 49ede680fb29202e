import type { FinalStates } from './final-states.ts'
import type { EntryOf } from './history.ts'
import type { ExpectedMail } from './expected-mails.ts'
import { localPartOf } from './message-id.ts'
import type { Findings } from './check-report.ts'
import { formatTime } from './check-report.ts'
import { isLostTime, wasSetBack, type ParsedHistory } from './parsed-history.ts'

type Mail = EntryOf<'mail'>

/** Matches mails with the expected ones: one copy, or two where the row counts it as in doubt; to the right person; none missing. */
export function checkMails(
  history: ParsedHistory,
  expectedMails: ReadonlyMap<string, ExpectedMail>,
  finalStates: FinalStates,
  findings: Findings,
): void {
  for (const mail of history.mails.toSorted((one, other) => one.at - other.at)) {
    findings.checked('I2')
    const expected = expectedMails.get(localPartOf(mail.messageId))
    if (expected === undefined) findings.violated('I2', `${describe(mail)} was sent, and no event requires it.`)
    else expected.mails.push(mail)
  }
  for (const expected of expectedMails.values()) {
    findings.checked('I2')
    checkCopies(history, expected, findings)
    checkAddress(expected, findings)
    checkRow(history, expected, finalStates, findings)
    if (expected.audience === false) findings.violated('I2', `${what(expected)}: this person does not belong to the milestone's audience.`)
  }
}

/** The relay may have accepted it: it replied 2xx or not at all. */
function mayBeAccepted({ reply }: Mail): boolean {
  return reply === null || (reply >= 200 && reply < 300)
}

function checkCopies(history: ParsedHistory, expected: ExpectedMail, findings: Findings): void {
  const { mails, intent, recovered } = expected
  const [first] = mails
  if (first === undefined) return
  findings.count('mails')
  const copies = mails.filter(mayBeAccepted)
  const doubts = intent?.ambiguous ?? 0
  if (doubts > 0) findings.count('ambiguousMails')
  if (copies.length > 1) findings.count('secondCopies', copies.length - 1)
  // After a restore the mail is composed and sent again; only the Message-ID is the same.
  const isExempt = wasSetBack(history) && (recovered || mails.some(({ at }) => isLostTime(history, at)))
  if (isExempt) {
    if (copies.length > 1) findings.count('copiesAfterRestore')
  } else {
    const allowed = history.run.ambiguous === 'retry' && doubts > 0 ? 2 : 1
    if (copies.length > allowed) {
      findings.count('doubledMails', copies.length - allowed)
      const times = copies.map(({ at }) => formatTime(at)).join(', ')
      findings.violated('I2', `${what(expected)} was sent ${copies.length} times (${times}); its row counts ${doubts} doubts.`)
    }
    if (mails.some(({ sha256 }) => sha256 !== first.sha256))
      findings.violated('I2', `${what(expected)} has copies that differ in their bytes.`)
  }
  if (mails.some(({ messageId }) => messageId !== first.messageId))
    findings.violated('I2', `${what(expected)} has copies with different Message-IDs.`)
}

function checkAddress(expected: ExpectedMail, findings: Findings): void {
  const { purpose, mails, type } = expected
  for (const mail of mails) {
    const [recipient, ...others] = mail.recipients
    const isRight = others.length === 0 && purpose.address !== null && recipient?.toLowerCase() === purpose.address.toLowerCase()
    // The report is printed, so it does not name people, unlike the history.
    if (!isRight)
      findings.violated(
        'I2',
        `${what(expected)} of ${formatTime(mail.at)} went to ${mail.recipients.length} recipients, not to its person alone.`,
      )
    if (mail.type !== null && mail.type !== type)
      findings.violated('I2', `${what(expected)} of ${formatTime(mail.at)} has the type ${mail.type} in its header.`)
  }
}

/** Compares row and sink in both directions: a sent mail was accepted, and an accepted mail is sent or in doubt. */
function checkRow(history: ParsedHistory, expected: ExpectedMail, finalStates: FinalStates, findings: Findings): void {
  const { intent, mails, purpose, audience } = expected
  if (intent === null) {
    if (mails.length > 0) findings.violated('I2', `${what(expected)} was sent and has no row.`)
    else if (audience === true && history.run.drains && !wasSetBack(history) && finalStates.unexplained(missed, purpose) !== null)
      findings.violated('I2', `${what(expected)}: this person belongs to the milestone's audience and was left out.`)
    return
  }
  const { state, key } = intent
  if (intent.channel !== 'email' && mails.length === 0) return
  if (state === 'sent') {
    if (!mails.some(({ reply }) => reply !== null && reply >= 200 && reply < 300)) {
      findings.count('lost')
      findings.violated('I2', `${key} is sent, and the relay accepted no such mail.`)
    }
    return
  }
  const accepted = mails.filter((mail) => mayBeAccepted(mail) && !isLostTime(history, mail.at))
  if (accepted.length > 0 && intent.ambiguous === 0 && !isUnfinished(state))
    findings.violated(
      'I2',
      `${what(expected)} was sent at ${formatTime(mails[0]?.at ?? 0)}, and ${key} is ${state} without a recorded doubt.`,
    )
  if (!history.run.drains || isUnfinished(state)) return
  const unexplained = finalStates.unexplained(intent, purpose)
  if (unexplained !== null) findings.violated('I2', `${what(expected)} was not sent: ${key} is ${unexplained}.`)
}

/** The row that a broadcast did not write because of a suppression. */
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

function what({ type, eventId, userId }: ExpectedMail): string {
  return `The ${type} mail about event ${eventId} to ${userId}`
}

function describe({ messageId, at, type }: Mail): string {
  return `${messageId} of ${formatTime(at)}${type === null ? '' : ` (${type})`}`
}
