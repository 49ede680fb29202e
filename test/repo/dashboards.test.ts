import { readFileSync, readdirSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { dashboards } from '../../config/grafana/dashboards.ts'
import { renderDashboard } from '../../config/grafana/grafana-dashboard.ts'
import { createMetrics } from '../../src/infra/telemetry/metrics.ts'
import { markedPart, firstCells } from './source-files.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

interface Rendered {
  readonly uid: string
  readonly title: string
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { name: string; definition?: string }[] }
}

const rendered = Object.entries(dashboards).map(([file, dashboard]) => {
  const parsed: Rendered = JSON.parse(renderDashboard(dashboard))
  return { ...parsed, file, charts: parsed.panels.filter(({ type }) => type !== 'row') }
})
const targets = rendered.flatMap(({ file, charts }) =>
  charts.flatMap(({ title, targets = [] }) => targets.map(({ expr, legendFormat }) => ({ file, title, expr, legendFormat }))),
)

const metrics = createMetrics({ version: 'test' })
afterAll(() => metrics.close())
const labels = new Map(Object.values(metrics).flatMap(labelled))
const documented = new Set(firstCells(markedPart('docs/reference/metrics.md', 'metrics')))
const job: string = parse(readFileSync('config/prometheus/prometheus.yml', 'utf8')).scrape_configs[0].job_name

describe('the dashboards of Grafana', () => {
  it.each(rendered)('$file: the file is what config/grafana renders', async ({ file }) => {
    const dashboard = dashboards[file]
    await expect(dashboard && renderDashboard(dashboard)).toMatchFileSnapshot(`../../config/grafana/dashboards/${file}.json`)
  })

  it('are all that Grafana finds, each under an address and a title of its own', () => {
    const found = readdirSync('config/grafana/dashboards')
    expect(found.toSorted()).toEqual(rendered.map(({ file }) => `${file}.json`).toSorted())
    expect(new Set(rendered.map(({ uid }) => uid)).size).toBe(rendered.length)
    expect(new Set(rendered.map(({ title }) => title)).size).toBe(rendered.length)
  })

  it.each([
    [
      'kafka-worker',
      'group_lag_seconds messages_total oldest_due dead_letters_total dead_letters_open paused worker_pauses scalable_backlog dependency_up end_to_end event_loop_delay database_pool',
    ],
    [
      'kafka-worker-group',
      'messages_total processing_duration accept_retries partition_records assigned_partitions end_to_end rebalances committed_offset',
    ],
    [
      'kafka-worker-deliveries',
      'deliveries_total retries_total skips_total delivery_duration stage_duration in_flight intents_pending breakers_open',
    ],
    ['kafka-worker-leaderboard', 'recalculations_total recalculation_duration recalculation_rows_changed swept_campaigns oldest_due'],
  ])('%s.json shows what an operator looks for there', (file, wanted) => {
    const all = targets
      .filter((target) => target.file === file)
      .map(({ expr }) => expr)
      .join('\n')
    expect(wanted.split(' ').filter((part) => !all.includes(part))).toEqual([])
  })

  it.each(targets)('$file: $title: $expr', async ({ expr, legendFormat }) => {
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
    // A quotient has the labels of its first side.
    const outermost = /\bby \(([^)]*)\)/
      .exec(expr)?.[1]
      ?.split(',')
      .map((label) => label.trim()) ?? ['instance']
    expect(shown.filter((label) => !outermost.includes(label))).toEqual([])
  })

  it.each(rendered)(
    '$file: the file uses only variables that it defines, and draws no two panels at one place',
    ({ panels, charts, templating }) => {
      const text = JSON.stringify({ panels, templating })
      const known = new Set(['__rate_interval', '__all', ...templating.list.map(({ name }) => name)])
      expect([...text.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name).filter((name) => !known.has(name))).toEqual([])
      const cells = charts.flatMap(({ gridPos: { h, w, x, y } }) =>
        Array.from({ length: h * w }, (_, at) => `${x + (at % w)}/${y + Math.floor(at / w)}`),
      )
      expect(new Set(cells).size).toBe(cells.length)
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
      const titles = charts.map(({ title }) => title)
      expect(new Set(titles).size).toBe(titles.length)
    },
  )
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
