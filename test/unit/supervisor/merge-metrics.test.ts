import { describe, expect, it } from 'vitest'
import { createMetrics } from '../../../src/infra/telemetry/metrics.ts'
import { mergeMetrics, sharedMetrics } from '../../../src/supervisor/merge-metrics.ts'

const text = (...lines: readonly string[]) => `${lines.join('\n')}\n`

const samples = (all: string) => all.split('\n').filter((line) => line !== '' && !line.startsWith('#'))

describe('merged metrics', () => {
  it('name the process of every sample, each metric with one head', () => {
    const one = text('# HELP m_total Of a thing.', '# TYPE m_total counter', 'm_total{a="x y{",b=""} 1', '', '# HELP g A gauge.', '# TYPE g gauge', 'g 2') // prettier-ignore
    const two = text('# HELP g A gauge.', '# TYPE g gauge', 'g 3', '', '# HELP m_total Of a thing.', '# TYPE m_total counter', 'm_total{a="z"} 4') // prettier-ignore
    expect(
      mergeMetrics(
        new Map([
          ['1', one],
          ['2', two],
        ]),
      ),
    ).toBe(
      // prettier-ignore
      [
        text('# HELP m_total Of a thing.', '# TYPE m_total counter', 'm_total{process="1",a="x y{",b=""} 1', 'm_total{process="2",a="z"} 4'),
        text('# HELP g A gauge.', '# TYPE g gauge', 'g{process="1"} 2', 'g{process="2"} 3'),
      ].join('\n'),
    )
  })

  it('hold what describes a group once, from the first process that reports it', () => {
    const lag = (value: number | null) =>
      text('# HELP kafka_consumergroup_lag Lag.', '# TYPE kafka_consumergroup_lag gauge', ...(value === null ? [] : [`kafka_consumergroup_lag{partition="0"} ${value}`, `kafka_consumergroup_lag{partition="1"} ${value}`])) // prettier-ignore
    const texts = new Map([['1', lag(null)], ['2', lag(7)], ['3', lag(8)]]) // prettier-ignore
    expect(mergeMetrics(texts)).toBe(
      text('# HELP kafka_consumergroup_lag Lag.', '# TYPE kafka_consumergroup_lag gauge', 'kafka_consumergroup_lag{partition="0"} 7', 'kafka_consumergroup_lag{partition="1"} 7'), // prettier-ignore
    )
  })

  it('keep every sample of the real registry, histograms included, and no metric has the label already', async () => {
    const metrics = createMetrics({ version: 'test' })
    try {
      metrics.acceptDuration.observe({ group: 'g' }, 0.2)
      metrics.lag.set({ consumergroup: 'g', topic: 't', partition: '0' }, 3)
      const one = await metrics.render()
      expect(one).not.toContain('process="')
      const merged = mergeMetrics(new Map([['1', one]])) // prettier-ignore
      const without = samples(merged).map((line) => line.replace('{process="1",', '{').replace('{process="1"}', ''))
      expect(without).toEqual(samples(one))
      expect(merged).toContain('kafka_worker_accept_duration_seconds_bucket{process="1",le="0.25",group="g"} 1')
      for (const name of sharedMetrics) expect(metrics.names).toContain(name)
    } finally {
      metrics.close()
    }
  })
})
