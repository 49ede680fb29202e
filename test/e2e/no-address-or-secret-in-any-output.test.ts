import { expect, inject, test } from 'vitest'
import { createKafkaSource } from '../../src/infra/kafka/consumer/kafka-source.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { freshGroupName } from '../support/fresh.ts'
import { Platform, type Campaign } from '../support/platform.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'

/** In every value that nobody but its owner may see, and in nothing else. */
const mark = 'zq7marker'
const relay = { user: `${mark}-user`, password: `${mark}-relay-password` }

test('no output contains an address, a name, a code, a secret or an event, whatever fails', async () => {
  await using fixture = await createFixture({ smtp: { auth: relay } })
  const platform = new Platform(fixture.sql)
  // No secret: PostgreSQL and we name who is refused.
  const role = `role_${crypto.randomUUID().slice(0, 8)}`
  await fixture.sql.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${mark}-database-password'`)
  const database = new URL(fixture.databaseUrl)
  ;[database.username, database.password] = [role, `${mark}-database-password`]
  const variables = {
    DATABASE_URL: database.href,
    HTTP_TOKEN: `${mark}-http-token-of-some-length`,
    UNSUBSCRIBE_SECRET: `${mark}-unsubscribe`,
  }
  const outputs: string[] = []
  try {
    const refusedLogin = await refusedStart(fixture, database)
    const daemon = fixture.daemon(variables)
    await daemon.ready()
    await mailsRefused(fixture, platform)
    await webhooksRefused(fixture, platform)
    await databaseRefuses(fixture, platform, daemon)
    await badRecords(fixture)
    await fixture.drained()
    for (const path of ['metrics', 'status', 'readyz', 'livez']) outputs.push(await (await fetch(`${daemon.url()}/${path}`)).text())
    daemon.kill('SIGUSR2')
    await eventually('the report of all workers', () => daemon.lines.some(({ msg }) => /work|doing/.test(msg)) || 'none yet')
    daemon.kill('SIGTERM')
    expect(await daemon.exited).toBe(0)
    for (const { lines, other } of [refusedLogin, daemon]) outputs.push(...lines.map((line) => JSON.stringify(line)), ...other)
    outputs.push(...(await columns(fixture)), ...(await deadLetterHeaders(fixture)), ...(await operatorsView(fixture, variables)))
  } finally {
    await fixture.sql.query(`DROP ROLE ${role}`)
  }

  expect(outputs.length).toBeGreaterThan(100)
  expect(outputs.filter((output) => output.includes(mark))).toEqual([])
})

async function refusedStart(fixture: Fixture, database: URL): Promise<Daemon> {
  const wrong = new URL(database)
  wrong.password = `${mark}-wrong-password`
  const daemon = fixture.daemon({ DATABASE_URL: wrong.href, BOOT_TIMEOUT_MS: '600000' })
  expect(await daemon.exited).toBe(1)
  return daemon
}

let reported = 0

/** A user about whom everything carries a marker. */
function marked() {
  const n = ++reported
  return { email: `${mark}-${n}@example.org`, first_name: `${mark} first`, last_name: `${mark} last`, referral_code: `${mark}-${n}` }
}

async function joins(fixture: Fixture, platform: Platform, campaign: Campaign, columns: Readonly<Record<string, unknown>> = {}) {
  const person = await platform.person(campaign, { ...marked(), ...columns })
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  return person
}

/** At every stage a reply that repeats what the relay knows, once permanent and once temporary. */
async function mailsRefused(fixture: Fixture, platform: Platform): Promise<void> {
  const campaign = await platform.campaign({ name: `${mark} campaign` })
  const text = `5.1.1 <${mark}-1@example.org> unknown, user ${relay.user} password ${relay.password}`
  let answers = 0
  const stages = ['auth', 'mail', 'rcpt', 'data'] as const
  fixture.smtp.respondWith((stage) => {
    const wanted = stages[Math.floor(answers / 2)]
    if (stage !== wanted) return undefined
    return { code: answers++ % 2 === 0 && stage !== 'auth' ? 550 : stage === 'auth' ? 535 : 421, text }
  })
  for (let n = 0; n < 6; n++) await joins(fixture, platform, campaign)
  await joins(fixture, platform, campaign, { email: `${mark} no address` })
  const broken = await platform.campaign()
  await fixture.sql.query(
    `INSERT INTO email_templates (campaign_id, name, type, subject, html_body, text_body) VALUES ($1, 'own', 'welcome', 'x', '{{#${mark}@example.org}}', 'x')`,
    [broken.campaignId],
  )
  await joins(fixture, platform, broken)
  await eventually('every stage has refused', () => answers >= 8 || `${answers} refusals`)
  fixture.smtp.respondWith(undefined)
}

async function webhooksRefused(fixture: Fixture, platform: Platform): Promise<void> {
  const answers = [{ status: 500 }, { status: 302, headers: { location: `http://127.0.0.1/${mark}` } }, { status: 410 }, { drop: true }]
  const ends = answers.map((answer, n) => ({ answer, endpoint: fixture.webhooks.endpoint(`/${mark}/${n}`) }))
  fixture.webhooks.respondWith(({ path, headers }) => {
    const { answer, endpoint } = ends[Number(path.split('/').at(-1))] ?? {}
    return (
      answer && {
        ...answer,
        body: `${endpoint?.secret} ${JSON.stringify(headers)} ${mark}`,
        headers: { ...answer.headers, 'x-echo': mark },
      }
    )
  })
  for (const { endpoint } of [...ends, { endpoint: { url: `http://10.0.0.1/${mark}`, secret: 'whsec_short' } }]) {
    const campaign = await platform.campaign()
    const id = await platform.webhook(campaign, endpoint.url, endpoint.secret)
    await fixture.sql.query('UPDATE webhooks SET retry_enabled = false WHERE id = $1', [id])
    const rewardId = await platform.reward(campaign, { method: 'webhook', webhookUrl: endpoint.url, codeTemplate: `${mark}-{random}` })
    const person = await platform.person(campaign, marked())
    const userRewardId = await platform.earned(campaign, rewardId, person.userId)
    await fixture.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId: person.userId })
  }
}

/** Errors of the server that quote rows: in their message, their detail, and a trigger's own words. */
async function databaseRefuses(fixture: Fixture, platform: Platform, daemon: Daemon): Promise<void> {
  const campaign = await platform.campaign()
  const faults = {
    syntax: 'PERFORM NEW.recipient_email::uuid',
    unique: 'INSERT INTO email_logs SELECT NEW.*; INSERT INTO email_logs SELECT NEW.*',
    raised: `RAISE EXCEPTION 'not %', NEW.recipient_email USING ERRCODE = '42501'`,
  }
  for (const [name, body] of Object.entries(faults)) {
    await fixture.sql.query(
      `CREATE FUNCTION fault_${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF pg_trigger_depth() = 1 THEN ${body}; END IF; RETURN NEW; END $$`,
    )
    await fixture.sql.query(`CREATE TRIGGER fault BEFORE INSERT ON email_logs FOR EACH ROW EXECUTE FUNCTION fault_${name}()`)
    const before = failures(daemon)
    await joins(fixture, platform, campaign)
    await eventually(`the database has refused: ${name}`, () => failures(daemon) > before || 'not yet')
    await fixture.sql.query('DROP TRIGGER fault ON email_logs')
  }
  // And where events are accepted: this one is passed to the dead letters.
  await fixture.sql.query(
    `CREATE FUNCTION fault_accept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.data->>'milestone' LIKE '%${mark}%' THEN RAISE EXCEPTION 'not %', NEW.data USING ERRCODE = '23514'; END IF; RETURN NEW; END $$`,
  )
  await fixture.sql.query('CREATE TRIGGER fault BEFORE INSERT ON worker.intents FOR EACH ROW EXECUTE FUNCTION fault_accept()')
  await fixture.publisher.publishCampaignMilestoneReached({ ...campaign, milestone: `${mark} people`, participantCount: 3 })
}

/** Lines about statements that were refused outside of a delivery's own end. */
function failures({ lines }: Daemon): number {
  return lines.filter(
    ({ msg, cause, reason }) => msg === 'execution failed' || reason === 'start-refused' || String(cause).includes('SQLSTATE'),
  ).length
}

async function badRecords(fixture: Fixture): Promise<void> {
  const event = {
    id: mark,
    type: 'user.signed_up',
    account_id: mark,
    campaign_id: mark,
    timestamp: mark,
    data: { [`${mark}@example.org`]: mark },
  }
  const values = [mark, `{"${mark}`, JSON.stringify(event), JSON.stringify({ ...event, type: `${mark}.type` }), JSON.stringify([mark])]
  await fixture.sendRaw(values.map((value) => ({ key: mark, value: Buffer.from(value), headers: {} })))
  await fixture.sendRaw(
    ['event-type', 'ce_type'].map((name) => ({ key: mark, value: Buffer.from('{}'), headers: { [name]: `${mark}@example.org` } })),
  )
}

/** What the worker wrote into rows about failures. */
async function columns(fixture: Fixture): Promise<readonly string[]> {
  const rows = await Promise.all(
    [
      'SELECT status, type, provider_message_id, error_message FROM email_logs',
      'SELECT status, delivery_error FROM user_rewards',
      `SELECT to_jsonb(d) - 'payload' - 'webhook_id' AS row FROM webhook_deliveries d`,
      'SELECT state, reason, owner, destination FROM worker.intents',
      'SELECT * FROM worker.dead_letters',
      'SELECT * FROM worker.outcomes',
      'SELECT * FROM worker.suppressions',
    ].map((text) => fixture.sql.query(text)),
  )
  return rows.flat().map((row) => JSON.stringify(row))
}

/** Ours alone: key, value and headers of the record stay as they were. */
async function deadLetterHeaders(fixture: Fixture): Promise<readonly string[]> {
  const found: string[] = []
  const settings = { brokers: inject('kafkaBootstrap'), clientId: 'test' }
  const topic = `${fixture.topic}.${fixture.group('email-workers')}.dlq`
  const source = createKafkaSource({
    settings,
    groupId: freshGroupName(),
    topic,
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 500,
    crashLimit: 3,
  })
  await source.start({
    assigned: ({ partitions }) => Promise.resolve(new Map(partitions.map((partition) => [partition, 0n]))),
    batch: ({ records, nextOffset }) => {
      for (const { headers } of records) {
        const ours = Object.entries(headers).filter(([name]) => name.startsWith('dlq-'))
        found.push(ours.map(([name, value]) => `${name}: ${String(value)}`).join('\n'))
      }
      return Promise.resolve(nextOffset)
    },
    report: () => undefined,
  })
  try {
    // Four of the bad records, and the milestone that the database refused.
    await eventually('the dead letters', () => found.length >= 5 || `${found.length} read`)
  } finally {
    await source.stop()
  }
  return found
}

/** Lists and figures; `explain` and `intents show` are about one person or intent, and show what an operator needs. */
async function operatorsView(fixture: Fixture, variables: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const environment = {
    ...variables,
    KAFKA_BROKERS: inject('kafkaBootstrap').join(','),
    KAFKA_TOPIC: fixture.topic,
    KAFKA_GROUP_PREFIX: fixture.groupPrefix,
    SMTP_URL: fixture.smtp.url,
    MAIL_FROM: 'waitlist@example.com',
  }
  const verbs = [
    'intents list',
    'intents list --json',
    'dlq list',
    'dlq list --json',
    'dlq groups',
    'dlq groups --json',
    'offsets show',
    'intents retry --dry-run --state dead',
    'no such verb',
  ]
  const all = await Promise.all(verbs.map((verb) => runWorkerctl(verb.split(' '), environment)))
  return all.map(({ out, err }) => out + err)
}
