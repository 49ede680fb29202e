import { channelsWithBreakers } from '../../src/daemon/compose/channels.ts'
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { eventTypes } from '../../src/events/catalogue/catalogue.ts'
import { retentionSteps } from '../../src/infra/postgres/admin/retention-steps.ts'
import { countFacts } from '../../src/infra/telemetry/metrics-observer.ts'
import { createMetrics } from '../../src/infra/telemetry/metrics.ts'
import { deadLetterReasons } from '../../src/model/dead-letter-reason.ts'
import { systemClock } from '../../src/std/clock.ts'
import { createProcessReports } from '../../src/supervisor/process-reports.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook: string }
}

const file: { groups: readonly { rules: readonly Rule[] }[] } = parse(readFileSync('config/prometheus/alerts.yml', 'utf8'))
const rules = file.groups.flatMap((group) => group.rules)
interface Case {
  readonly input_series: readonly { readonly series: string }[]
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly object[] }[]
}
const { tests: cases }: { tests: readonly Case[] } = parse(readFileSync('config/prometheus/alerts-test.yml', 'utf8'))
const operations = readFileSync('docs/guide/runbook.md', 'utf8')
const headings = [...operations.matchAll(/^### (KafkaWorker\w+)$/gm)].map(([, name]) => name)

const groups = ['email-workers', 'reward-workers']
const metrics = createMetrics({ version: 'test' })
countFacts(metrics, { channels: channelsWithBreakers, types: eventTypes, groups, tables: retentionSteps.map(({ table }) => table) })
afterAll(() => metrics.close())
/** What the supervisor of several processes adds, here of one that has just been started. */
const supervisor = await createProcessReports({
  processes: () => [{ name: '1', pid: null, port: null, startedAt: 0, restarts: 0, ended: null }],
  isStopping: () => false,
  stallMs: 0,
  clock: systemClock,
}).metrics()
const supervisorNames = [...supervisor.matchAll(/^# TYPE (kafka_worker_process_\w+)/gm)].map(([, name = '']) => name)
const names = [...metrics.names, ...supervisorNames]
const labels = new Map([...Object.values(metrics).flatMap(labelled), ...supervisorNames.map((name) => [name, ['process']] as const)])

describe('the alerts of Prometheus', () => {
  it.each(rules)('$alert uses metrics and labels that exist', ({ expr, annotations }) => {
    const selectors = [...expr.matchAll(/\b(kafka_\w+)(?:\{([^}]*)\})?/g)]
    expect(selectors.length).toBeGreaterThan(0)
    for (const [, metric = '', matchers = ''] of selectors) {
      expect(names).toContain(metric)
      const wanted = [...matchers.matchAll(/(\w+)\s*=~?/g)].map(([, label]) => label)
      expect(wanted.filter((label) => label === undefined || !labels.get(metric)?.includes(label))).toEqual([])
    }
    const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '))
    const there = new Set([...selectors.flatMap(([, metric = '']) => labels.get(metric) ?? []), 'instance'])
    expect(grouped.filter((label) => !there.has(label))).toEqual([])
    const shown = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label)
    expect(shown.filter((label) => label === undefined || !grouped.includes(label))).toEqual([])
  })

  it('the breakers of every channel that has any are there at 0 before one has opened', async () => {
    expect(rules.some(({ expr }) => expr.includes('kafka_worker_breakers_open'))).toBe(true)
    const series = (await metrics.render()).split('\n').filter((line) => line.startsWith('kafka_worker_breakers_open{'))
    expect(channelsWithBreakers.length).toBeGreaterThan(1)
    expect(series.toSorted()).toEqual(
      channelsWithBreakers.map((channel) => `kafka_worker_breakers_open{channel="${channel}"} 0`).toSorted(),
    )
  })

  it.each(rules)('$alert says what to do', ({ alert, annotations, labels: { severity } }) => {
    expect(annotations.runbook).toBe(`docs/guide/runbook.md#${alert.toLowerCase()}`)
    expect(headings).toContain(alert)
    expect(['page', 'ticket']).toContain(severity)
  })

  it.each(rules.filter(({ expr }) => expr.includes('increase(')))(
    '$alert would see a first occurrence: what it watches is there at 0 before anything has happened',
    async ({ expr }) => {
      const text = `${await metrics.render()}${supervisor}`
      const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
      for (const [, metric = '', matchers = ''] of expr.matchAll(/increase\((kafka_\w+)(?:\{([^}]*)\})?\[/g)) {
        const found = samples.filter((line) => line.startsWith(metric) && line.includes(matchers))
        expect(found.length).toBeGreaterThan(0)
        expect(found.filter((line) => !line.endsWith(' 0'))).toEqual([])
        const wanted = [
          ...(labels.get(metric)?.includes('group') === true ? groups.map((group) => `group="${group}"`) : []),
          ...(labels.get(metric)?.includes('reason') === true ? deadLetterReasons.map((reason) => `reason="${reason}"`) : []),
        ]
        expect(wanted.filter((label) => !found.some((line) => line.includes(label)))).toEqual([])
      }
    },
  )

  it('are each shown to fire by a case for promtool, on series that exist', () => {
    const fired = cases.flatMap((test) => test.alert_rule_test.filter(({ exp_alerts }) => exp_alerts.length > 0))
    expect([...new Set(fired.map(({ alertname }) => alertname))].toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted())
    for (const { series } of cases.flatMap((test) => test.input_series)) {
      const [, metric = '', given = ''] = /^(\w+)\{(.*)\}$/.exec(series) ?? []
      if (metric === 'up') continue
      const named = [...given.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'instance' && label !== 'job')
      expect([metric, new Set(named)]).toEqual([metric, new Set(labels.get(metric))])
    }
  })

  it.each(rules)('$alert is shown not to fire by a case that has all its series', ({ alert, expr }) => {
    const watched = [...expr.matchAll(/\bkafka_\w+/g)].map(([metric]) => metric)
    const quiet = cases.filter(({ input_series, alert_rule_test }) => {
      const there = new Set(input_series.map(({ series }) => series.slice(0, series.indexOf('{'))))
      return (
        watched.every((metric) => there.has(metric)) &&
        alert_rule_test.some(({ alertname, exp_alerts }) => alertname === alert && exp_alerts.length === 0)
      )
    })
    expect(quiet.length).toBeGreaterThan(0)
  })

  it('are all that docs/guide/runbook.md describes', () => {
    expect(headings).toEqual(rules.map(({ alert }) => alert))
    expect(new Set(headings).size).toBe(headings.length)
  })
})

describe('docs/guide/runbook.md', () => {
  const entries = operations
    .split(/^### /m)
    .slice(1)
    .map((text) => ({ heading: text.slice(0, text.indexOf('\n')), text: text.slice(text.indexOf('\n')).split(/^## /m)[0] ?? '' }))

  it.each(entries)('$heading: symptom, meaning and action, in this order, each with its sentence', ({ text }) => {
    // One line may answer both of the last.
    const parts = [...text.matchAll(/^- \*(Symptom|Meaning|Action|Meaning and action):\*(.*)$/gm)]
    const said = parts.flatMap(([, part = '']) => (part === 'Meaning and action' ? ['Meaning', 'Action'] : [part]))
    expect(said).toEqual(['Symptom', 'Meaning', 'Action'])
    const empty = parts.filter(([line, , rest = '']) => rest.trim().split(' ').length < 2 && !text.includes(`${line}\n  - `))
    expect(empty.map(([line]) => line)).toEqual([])
  })
})

/** The name and the labels of a metric; nothing for what is none. */
function labelled(metric: unknown): readonly (readonly [string, readonly string[]])[] {
  if (typeof metric !== 'object' || metric === null || !('name' in metric) || !('labelNames' in metric)) return []
  const { name, labelNames } = metric
  return typeof name === 'string' && Array.isArray(labelNames) ? [[name, labelNames.map(String)]] : []
}
