import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from '../../../config/load.ts'

const known = { groups: ['email-workers', 'position-workers'], mailGroups: ['email-workers'] }
const least = {
  KAFKA_BROKERS: 'kafka-1.example.com:9092',
  DATABASE_URL: 'postgresql://worker:hush@db.example.com/platform?sslmode=disable',
  SMTP_URL: 'smtp://worker:hush@mail.example.com:587',
  MAIL_FROM: 'news@example.com',
}
const load = (more: Record<string, string>) => loadConfig({ ...least, ...more }, known)

function problemsOf(more: Record<string, string>): readonly string[] {
  try {
    load(more)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('the rules of mail', () => {
  it('have no limits by default except an age of one week', () => {
    const { mail, http } = load({})
    expect(mail).toMatchObject({ maxEventAgeMs: 7 * 86_400_000 })
    const unset = [mail.ratePerSecond, mail.domainRatePerSecond, mail.allowedRecipients, mail.unsubscribeUrlTemplate, http.token]
    expect(unset).toEqual(unset.map(() => undefined))
  })

  it('accept rates, patterns separated by commas, and a link', () => {
    const url = 'https://example.com/{campaign_id}?user={user_id}&signature={signature}'
    const { mail } = load({
      MAIL_RATE_PER_SECOND: '20',
      MAIL_DOMAIN_RATE_PER_SECOND: '0.5',
      MAIL_MAX_EVENT_AGE_SECONDS: '60',
      MAIL_ALLOWED_RECIPIENTS: '*@example.com, qa-*@example.org',
      UNSUBSCRIBE_URL_TEMPLATE: url,
      UNSUBSCRIBE_SECRET: 'a secret of some length'.replaceAll(' ', '-'),
    })
    expect(mail).toMatchObject({
      ratePerSecond: 20,
      domainRatePerSecond: 0.5,
      maxEventAgeMs: 60_000,
      allowedRecipients: ['*@example.com', 'qa-*@example.org'],
      unsubscribeUrlTemplate: url,
    })
  })

  it('cause a warning when most people get no mail, if a group sends mail', () => {
    const restricted = { MAIL_ALLOWED_RECIPIENTS: '*@example.com' }
    expect(load(restricted).warnings).toEqual([expect.stringContaining('MAIL_ALLOWED_RECIPIENTS is set')])
    expect(load({ ...restricted, KAFKA_GROUPS: 'position-workers' }).warnings).toEqual([])
  })

  it.each([
    [{ MAIL_RATE_PER_SECOND: '0' }, 'is too small'],
    [{ MAIL_DOMAIN_RATE_PER_SECOND: '10/s' }, 'is not a number'],
    [{ MAIL_ALLOWED_RECIPIENTS: ' , ' }, 'is an empty list'],
    [{ MAIL_MAX_EVENT_AGE_SECONDS: '0' }, 'is too small'],
    [{ UNSUBSCRIBE_URL_TEMPLATE: 'http://example.com/{user_id}' }, 'is not an https URL'],
    [{ UNSUBSCRIBE_URL_TEMPLATE: 'https://example.com/' }, 'does not hold {user_id}'],
    [{ UNSUBSCRIBE_URL_TEMPLATE: 'https://example.com/{user_id}/{email}' }, 'holds {email}'],
    [{ UNSUBSCRIBE_URL_TEMPLATE: 'https://example.com/{user_id}?a b' }, 'percent-encoded'],
    [{ UNSUBSCRIBE_URL_TEMPLATE: 'https://example.com/{user_id}?{signature}' }, 'UNSUBSCRIBE_SECRET is not set'],
    [{ UNSUBSCRIBE_SECRET: 'hush' }, 'is too short'],
    [{ HTTP_TOKEN: 'hush hush hush hush' }, 'holds a blank'],
  ])('are refused with a sentence that shows no secret: %o', (more, wrong) => {
    const problems = problemsOf({ ...more })
    expect(problems).toEqual([expect.stringContaining(wrong)])
    expect(problems.join()).not.toMatch(/: "?hush/)
  })
})
