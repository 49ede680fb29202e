import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createMetrics } from '../../src/infra/telemetry/metrics.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook: string }
}

const file: { groups: readonly { rules: readonly Rule[] }[] } = parse(readFileSync('config/prometheus/alerts.yml', 'utf8'))
const rules = file.groups.flatMap((group) => group.rules)
const operations = readFileSync('docs/operations.md', 'utf8')
const headings = [...operations.matchAll(/^### (KafkaWorker\w+)$/gm)].map(([, name]) => name)

const metrics = createMetrics({ version: 'test' })
afterAll(() => metrics.close())
const labels = new Map(Object.values(metrics).flatMap(labelled))

describe('the alerts of Prometheus', () => {
  it.each(rules)('$alert asks for metrics and labels that exist', ({ expr, annotations }) => {
    const asked = [...expr.matchAll(/\b(kafka_\w+)(?:\{([^}]*)\})?/g)]
    expect(asked.length).toBeGreaterThan(0)
    for (const [, metric = '', matchers = ''] of asked) {
      expect(metrics.names).toContain(metric)
      const wanted = [...matchers.matchAll(/(\w+)\s*=~?/g)].map(([, label]) => label)
      expect(wanted.filter((label) => label === undefined || !labels.get(metric)?.includes(label))).toEqual([])
    }
    const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '))
    const there = new Set([...asked.flatMap(([, metric = '']) => labels.get(metric) ?? []), 'instance'])
    expect(grouped.filter((label) => !there.has(label))).toEqual([])
    const shown = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label)
    expect(shown.filter((label) => label === undefined || !grouped.includes(label))).toEqual([])
  })

  it.each(rules)('$alert says what to do', ({ alert, annotations, labels: { severity } }) => {
    expect(annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`)
    expect(headings).toContain(alert)
    expect(['page', 'ticket']).toContain(severity)
  })

  it('are all that docs/operations.md tells of', () => {
    expect(headings).toEqual(rules.map(({ alert }) => alert))
    expect(new Set(headings).size).toBe(headings.length)
  })
})

/** The name and the labels of a metric; nothing for what is none. */
function labelled(metric: unknown): readonly (readonly [string, readonly string[]])[] {
  if (typeof metric !== 'object' || metric === null || !('name' in metric) || !('labelNames' in metric)) return []
  const { name, labelNames } = metric
  return typeof name === 'string' && Array.isArray(labelNames) ? [[name, labelNames.map(String)]] : []
}
