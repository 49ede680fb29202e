import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { freePorts } from '../../stack/free-port.ts'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { topicTool } from '../support/faults/topic-tool.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'
import { printedCommands, runPrinted } from '../support/printed-commands.ts'
import { promtool, readRules, startPrometheus, type Prometheus } from '../support/prometheus.ts'

const group = 'email-workers'
let fixture: Fixture
let platform: Platform
let prometheus: Prometheus
let daemon: Daemon
let relayIsAway = false
let port: number

/** On the port that Prometheus scrapes. */
async function start(): Promise<void> {
  daemon = fixture.daemon({ KAFKA_GROUPS: group, HTTP_PORT: String(port), MAIL_MAX_EVENT_AGE_SECONDS: '86400' })
  await daemon.ready()
}

beforeAll(async () => {
  fixture = await createFixture({
    partitions: 1,
    smtp: { respond: (stage) => (relayIsAway && (stage === 'connect' || stage === 'mail') ? { drop: true } : undefined) },
  })
  platform = new Platform(fixture.sql)
  ;[port = 0] = await freePorts(1)
  await start()
  prometheus = await startPrometheus(`127.0.0.1:${port}`)
})
afterAll(async () => {
  await prometheus[Symbol.asyncDispose]()
  await fixture[Symbol.asyncDispose]()
})

/** The labels of the alerts of this name, once one fires. */
const fires = async (alert: string) => {
  let labels: readonly Readonly<Record<string, string>>[] = []
  await eventually(`${alert} fires`, async () => {
    labels = (await prometheus.firing(alert)).map((firing) => firing.labels)
    return labels.length > 0 || 'it does not'
  })
  return labels
}
const clears = (alert: string) =>
  eventually(`${alert} clears`, async () => {
    const firing = await prometheus.firing(alert)
    return firing.length === 0 || JSON.stringify(firing)
  })
const signUps = async (count: number) => {
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, count)
  await fixture.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })))
}

describe('a Prometheus that scrapes a daemon', () => {
  it('takes every sample, evaluates every rule, and raises no alert about a daemon that works', async () => {
    await signUps(20)
    await eventually('it is scraped, with its mails', async () => {
      const { result } = await prometheus.query<{ result: readonly { value: readonly [number, string] }[] }>(
        `query?query=${encodeURIComponent('sum(kafka_worker_deliveries_total{outcome="sent"})')}`,
      )
      return result[0]?.value[1] === '20' || JSON.stringify(result)
    })
    const expected = (await readRules()).groups.flatMap(({ rules }) => rules.map(() => 'ok inactive'))
    expect(expected.length).toBeGreaterThan(10)
    // Before the first scrape nothing was there, which is an alert of its own.
    await eventually('every rule is evaluated, and none is active', async () => {
      const { groups } = await prometheus.query<{ groups: readonly { rules: readonly { health: string; state: string }[] }[] }>('rules')
      const states = groups.flatMap(({ rules }) => rules.map(({ health, state }) => `${health} ${state}`))
      return states.join() === expected.join() || states.join()
    })
  })

  it('finds nothing to object to in a scrape, by promtool', async () => {
    const text = await daemon.metrics()
    expect(text).toContain('\nkafka_worker_deliveries_total{')
    expect(await promtool(['check', 'metrics'], text)).toEqual({ code: 0, output: '' })
    expect(await promtool(['check', 'metrics'], `${text}# TYPE broken counter\nbroken 1\n`)).toMatchObject({ code: 3 })
  })

  it('raises KafkaWorkerDeadLetters with group and reason about a record that nobody can read, and clears it', async () => {
    await clears('KafkaWorkerDeadLetters')
    await fixture.sendRaw([{ key: 'k', value: Buffer.from('{'), headers: { 'event-type': 'user.signed_up' } }])
    expect(await fires('KafkaWorkerDeadLetters')).toMatchObject([{ group: fixture.group(group), reason: 'not-json' }])
    await clears('KafkaWorkerDeadLetters')
  })

  it('raises KafkaWorkerRelayDown and KafkaWorkerIntentsLate while the relay is away, and clears both when the mails have gone out', async () => {
    relayIsAway = true
    const before = fixture.smtp.counters.mails
    await signUps(3)
    await eventually('the mails wait', async () => {
      // As if the relay had been away for twenty minutes.
      await fixture.sql.query(
        "UPDATE worker.intents SET due_at = now() - interval '20 minutes' WHERE channel = 'email' AND state = 'pending' AND due_at > now() - interval '20 minutes'",
      )
      return (await prometheus.firing('KafkaWorkerIntentsLate')).length > 0 || 'not late yet'
    })
    expect(await fires('KafkaWorkerIntentsLate')).toMatchObject([{ group: fixture.group(group), channel: 'email' }])
    expect(await fires('KafkaWorkerRelayDown')).toHaveLength(1)
    relayIsAway = false
    await clears('KafkaWorkerRelayDown')
    await clears('KafkaWorkerIntentsLate')
    expect(fixture.smtp.counters.mails).toBe(before + 3)
  })

  it('raises KafkaWorkerGroupStopped when records are lost before they are read, and clears it by the command that the sentence names', async () => {
    await using tool = await topicTool(inject('kafkaBootstrap'))
    daemon.kill('SIGTSTP')
    await eventually('it is quiet', async () => (await (await fetch(`${daemon.url()}/readyz`)).text()).includes('quiet') || 'not yet')
    await signUps(5)
    const end = (await fixture.admin.ranges(fixture.topic)).get(0)?.high ?? 0n
    await tool.deleteRecordsBelow(fixture.topic, 0, end)
    daemon.kill('SIGCONT')
    expect(await fires('KafkaWorkerGroupStopped')).toMatchObject([{ group: fixture.group(group), reason: 'stopped' }])
    const commands = printedCommands(await (await fetch(`${daemon.url()}/readyz`)).text())
    expect(commands).toHaveLength(1)
    for (const command of commands) expect(await runPrinted(fixture, command)).toMatchObject({ code: 0 })
    await clears('KafkaWorkerGroupStopped')
  })

  it('raises KafkaWorkerInstanceDown and KafkaWorkerMissing about a process that was killed, and clears both when it is back', async () => {
    daemon.kill('SIGKILL')
    expect(await daemon.exited).toBe('SIGKILL')
    expect(await fires('KafkaWorkerInstanceDown')).toMatchObject([{ instance: `127.0.0.1:${port}` }])
    expect(await fires('KafkaWorkerMissing')).toHaveLength(1)
    await start()
    await clears('KafkaWorkerInstanceDown')
    await clears('KafkaWorkerMissing')
  })
})

it('promtool finds nothing to object to in the scrape of several processes', async () => {
  const several = fixture.daemon({ WORKER_PROCESSES: '2' })
  await several.ready()
  const text = await several.metrics()
  expect(text).toContain('kafka_worker_process_up{process="2"} 1')
  expect(await promtool(['check', 'metrics'], text)).toEqual({ code: 0, output: '' })
})
