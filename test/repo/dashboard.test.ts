import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createMetrics } from '../../src/infra/telemetry/metrics.ts'
import { markedPart, firstCells } from './source-files.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const dashboard: { panels: readonly Panel[]; templating: { list: readonly { name: string; definition?: string }[] } } = JSON.parse(
  readFileSync('config/grafana/dashboards/kafka-worker.json', 'utf8'),
)
const charts = dashboard.panels.filter(({ type }) => type !== 'row')
const targets = charts.flatMap(({ title, targets = [] }) => targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })))

const metrics = createMetrics({ version: 'test' })
afterAll(() => metrics.close())
const labels = new Map(Object.values(metrics).flatMap(labelled))
const documented = new Set(firstCells(markedPart('docs/reference/metrics.md', 'metrics')))
const job: string = parse(readFileSync('config/prometheus/prometheus.yml', 'utf8')).scrape_configs[0].job_name

describe('the dashboard of Grafana', () => {
  it.each(targets)('$title: $expr', async ({ expr, legendFormat }) => {
    const selectors = [...expr.matchAll(/\b((?:kafka|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)]
    expect(selectors.length).toBeGreaterThan(0)
    const own = selectors.map(([, series = '', matchers = '']) => ({
      metric: series.startsWith('kafka_') ? series.replace(/_(?:bucket|sum|count)$/, '') : series,
      matched: [...matchers.matchAll(/(\w+)\s*=~?/g)].map(([, label = '']) => label),
    }))
    const known = new Set([...documented, ...(await metricsOfTheProcess())])
    expect(own.filter(({ metric }) => !known.has(metric))).toEqual([])
    expect(
      own.flatMap(({ metric, matched }) => matched.filter((label) => label !== 'job' && !labels.get(metric)?.includes(label))),
    ).toEqual([])
    const jobs = [...expr.matchAll(/job="([^"]*)"/g)].map(([, name]) => name)
    expect(jobs.filter((name) => name !== job)).toEqual([])
    const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(',').map((label) => label.trim()))
    const there = new Set(own.flatMap(({ metric }) => [...(labels.get(metric) ?? []), 'le', 'instance', 'job']))
    expect(grouped.filter((label) => !there.has(label))).toEqual([])
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label)
    const outermost = /\bby \(([^)]*)\)/
      .exec(expr)?.[1]
      ?.split(',')
      .map((label) => label.trim()) ?? ['instance']
    expect(shown.filter((label) => !outermost.includes(label))).toEqual([])
  })

  it('shows what an operator looks for first', () => {
    const all = targets.map(({ expr }) => expr).join('\n')
    const wanted = ['group_lag_seconds', 'messages_total', 'in_flight', 'intents_pending', 'oldest_due', 'dead_letters', 'paused']
    expect(
      [...wanted, 'end_to_end', 'event_loop_delay', 'database_pool', 'dependency_up', 'breakers_open'].filter(
        (part) => !all.includes(part),
      ),
    ).toEqual([])
  })

  it('uses only variables that it defines, and draws no two panels at one place', () => {
    const text = JSON.stringify(dashboard)
    const known = new Set(['__rate_interval', '__all', ...dashboard.templating.list.map(({ name }) => name)])
    expect([...text.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name).filter((name) => !known.has(name))).toEqual([])
    const cells = charts.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, at) => `${x + (at % w)}/${y + Math.floor(at / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
  })
})

/** Those that every program on Node has. */
async function metricsOfTheProcess(): Promise<readonly string[]> {
  return [...(await metrics.render()).matchAll(/^# TYPE ((?:process|nodejs)_\w+) /gm)].map(([, name = '']) => name)
}

/** Name and labels, of what is a metric. */
function labelled(member: unknown): readonly (readonly [string, readonly string[]])[] {
  if (typeof member !== 'object' || member === null || !('name' in member) || !('labelNames' in member)) return []
  return Array.isArray(member.labelNames) ? [[String(member.name), member.labelNames.map(String)]] : []
}
