import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('each person gets one variant of a template, the same after a failed attempt, and email_logs records which', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, 60)
  for (const [variant, weight] of [
    ['A', 100],
    ['B', 100],
    ['never', 0],
  ]) {
    await fixture.sql.query(
      `INSERT INTO email_templates (campaign_id, name, type, subject, text_body, variant_name, variant_weight)
       SELECT $1, 'Verified ' || type, type, 'Variant ' || $2 || ' ' || type, 'Hello', $2, $3 FROM unnest('{welcome,verification}'::text[]) AS type`,
      [campaign.campaignId, variant, weight],
    )
  }
  // Every first attempt at a welcome fails before the message.
  const refused = new Set<string>()
  fixture.smtp.respondWith((stage, { address = '' }) => {
    if (stage !== 'rcpt' || refused.has(address)) return undefined
    refused.add(address)
    return { code: 451 }
  })
  const daemon = fixture.daemon()
  await daemon.ready()
  await fixture.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up', ...campaign, ...person })))
  await expect.poll(() => refused.size).toBe(people.length)
  await expect
    .poll(() => fixture.sql.query(`SELECT id FROM worker.intents WHERE channel = 'email' AND state = 'pending' AND attempt = 1`))
    .toHaveLength(people.length)
  await fixture.sql.query(`UPDATE worker.intents SET due_at = now() WHERE channel = 'email'`)
  await fixture.drained()
  // Published again under another id: another mail, and the same variant.
  await fixture.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up', ...campaign, ...person, eventId: randomUUID() })))
  await fixture.drained()

  expect(fixture.smtp.mails).toHaveLength(2 * people.length)
  const rows = await fixture.sql.query<{ email: string; subject: string; variant: string }>(
    `SELECT l.recipient_email AS email, l.subject, t.variant_name AS variant FROM email_logs l JOIN email_templates t ON t.id = l.template_id`,
  )
  expect(rows).toHaveLength(2 * people.length)
  expect(new Set(rows.map(({ variant }) => variant))).toEqual(new Set(['A', 'B']))
  const sent = new Map(fixture.smtp.mails.map(({ recipients, subject }) => [recipients[0], subject]))
  for (const { email, subject, variant } of rows) {
    expect(subject).toBe(`Variant ${variant} welcome`)
    expect(sent.get(email)).toBe(subject)
  }
})
