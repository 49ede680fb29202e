import { expect, test } from 'vitest'
import { createFailingTables } from '../support/faults/failing-tables.ts'
import { proxiedUrl } from '../support/faults/proxied-url.ts'
import { startTcpProxy } from '../support/faults/tcp-proxy.ts'
import { startFrozenTransaction } from '../support/frozen-transaction.ts'
import { createFixture } from '../support/fixture.ts'
import { fixed, namedFirst, runPrintedSql } from '../support/planted-incident.ts'
import { Platform } from '../support/platform.ts'

test('workerctl status names the event on which a handler is stuck, a hanging statement and a slow database, and after the fixes of the runbook each event has its effect once', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const outcomes = await createFailingTables(fixture.sql, ['worker.outcomes'])
  await using proxy = await startTcpProxy({ target: { port: Number(new URL(fixture.databaseUrl).port) } })
  const far = { DATABASE_URL: proxiedUrl(fixture.databaseUrl, proxy) }
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const people: string[] = []
  const signUp = async () => {
    const person = await platform.person(campaign)
    people.push(person.email)
    return fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  }
  await fixture.daemon(far).ready()
  await signUp()
  await fixed(fixture)

  // A handler that is stuck: the row that every accept of the partition moves is locked, and its holder hangs.
  const mails = fixture.group('email-workers')
  const locking = `SELECT FROM worker.progress WHERE group_name = '${mails}' FOR UPDATE`
  await using _holder = await startFrozenTransaction(fixture.databaseUrl, locking)
  const { eventId } = await signUp()
  const at = `Group ${mails} has stood still since 2\\d{3}-\\S+Z at offset 1 of partition 0 \\(user.signed_up, event ${eventId}\\)`
  const stuck = await namedFirst(fixture, new RegExp(at))
  expect(stuck.line).toContain('for a lock of')
  expect(await runPrintedSql(fixture, stuck.command)).toEqual([{ pg_terminate_backend: true }])
  await fixed(fixture)

  // A handler whose statement does not return, without a lock that anybody could end.
  await outcomes.inject('PERFORM pg_sleep(600)')
  const hanging = await signUp()
  const hangs = new RegExp(`^The database has worked for .* of "kafka-worker accept" .* at offset 2 of .*event ${hanging.eventId}\\)`)
  const statement = await namedFirst(fixture, hangs)
  expect(await runPrintedSql(fixture, statement.command)).toMatchObject([{ application_name: 'kafka-worker accept', state: 'active' }])
  await outcomes.heal()
  await fixture.sql.query(
    `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
      WHERE application_name LIKE 'kafka-worker%' AND state = 'active' AND query_start < now() - interval '2 seconds'`,
  )
  await fixed(fixture)

  // A database that answers, but slowly.
  proxy.latency(150)
  await signUp()
  const slow = await namedFirst(fixture, /^The database is slow: a round trip to it takes \d{3,} ms from here/, far)
  expect(slow.command).toBe(`psql "$DATABASE_URL" -c 'SELECT * FROM pg_stat_activity'`)
  proxy.latency(0)
  await fixed(fixture, far)

  expect(fixture.smtp.mails.flatMap(({ recipients }) => recipients).toSorted()).toEqual(people.toSorted())
})
