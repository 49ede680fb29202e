import { describe, expect, it } from 'vitest'
import { lineOf, medians, ratioTo, type Figures, type Summary } from '../../../bench/workers/figures.ts'
import { renderMarkdown, renderSummary } from '../../../bench/workers/render-summary.ts'
import { workloads, type Workload } from '../../../bench/workers/workloads.ts'
import { withTables } from '../../../bench/workers/write-performance.ts'

const figures = (some: Partial<Figures>): Figures => ({
  cpuUs: 200,
  databaseCpuUs: 300,
  sinkCpuUs: 40,
  perSecond: 2_000,
  p50Ms: 8,
  p99Ms: 30,
  rssMiB: 110,
  ...some,
})

function workload(name: string): Workload {
  const found = workloads.find((one) => one.name === name)
  if (found === undefined) throw new Error(`There is no workload ${name}.`)
  return found
}

const mail: Summary = {
  workload: workload('mail'),
  contenders: {
    ours: figures({}),
    plain: figures({ cpuUs: 1_700, databaseCpuUs: 300, perSecond: 500 }),
    go: figures({ cpuUs: 450, databaseCpuUs: 150.04, perSecond: 1_000 }),
  },
}

describe('medians', () => {
  it('are of each figure by itself, and leave out what a round does not have', () => {
    const rounds = [
      figures({ cpuUs: 3, p99Ms: null, rssMiB: null }),
      figures({ cpuUs: 1, p99Ms: 9, rssMiB: null }),
      figures({ cpuUs: 2, p99Ms: 5, rssMiB: null }),
    ]
    expect(medians(rounds)).toMatchObject({ cpuUs: 2, p99Ms: 5, rssMiB: null, perSecond: 2_000 })
  })
})

describe('ratioTo', () => {
  it('is above 1 where ours costs less, worker and database together', () => {
    expect(ratioTo('plain', mail)).toBe(4)
    expect(ratioTo('go', { ...mail, contenders: { ...mail.contenders, go: figures({ cpuUs: 100, databaseCpuUs: null }) } })).toBe(0.2)
  })

  it('compares p99 where the workload is about latency, and the median time where it is about a start', () => {
    const contenders = { ours: figures({ p50Ms: 500, p99Ms: 40 }), plain: figures({ p50Ms: 1_000, p99Ms: 60, cpuUs: 1 }) }
    expect(ratioTo('plain', { workload: workload('latency-100'), contenders })).toBe(1.5)
    expect(ratioTo('plain', { workload: workload('ready'), contenders })).toBe(2)
  })

  it('is null for what was not measured, and for less than the clock can tell', () => {
    expect(ratioTo('go', { ...mail, contenders: { ours: figures({}) } })).toBeNull()
    expect(ratioTo('go', { ...mail, contenders: { ours: figures({}), go: figures({ cpuUs: 0, databaseCpuUs: 0 }) } })).toBeNull()
    expect(ratioTo('go', { ...mail, contenders: { go: figures({}) } })).toBeNull()
  })
})

describe('the line of a workload in --json', () => {
  it('has these fields in this order', () => {
    expect(JSON.stringify(lineOf(mail))).toBe(
      '{"name":"mail","unit":"mail","oursCpuUs":200,"oursDbCpuUs":300,"plainCpuUs":1700,"ratioToPlain":4,"goCpuUs":450,"ratioToGo":1.2,' +
        '"oursPerSecond":2000,"goPerSecond":1000,"p50Ms":8,"p99Ms":30,"rssMiB":110}',
    )
  })

  it('says null for what was not measured, and keeps the field', () => {
    const line = lineOf({ workload: workload('ready'), contenders: {} })
    expect(Object.keys(line)).toHaveLength(13)
    expect(Object.values(line).filter((value) => value !== null)).toEqual(['ready', 'start'])
    expect(JSON.stringify(lineOf({ ...mail, contenders: { ours: figures({ cpuUs: Number.NaN }) } }))).toContain('"oursCpuUs":null')
  })
})

describe('the tables', () => {
  it('say per what, whether fsync was on, and how ours stands to the others', () => {
    const lines = renderSummary(mail).split('\n')
    expect(lines[0]).toBe('mail: a mail per event, from the topic to the relay; per mail, fsync off')
    expect(lines.find((line) => line.startsWith('  plain'))).toMatch(/^ {2}plain +1,700 +300 +40 +500 +8\.0 +30\.0 +110$/)
    expect(lines).toContain('  ratio to plain: 4.00 by CPU of worker and PostgreSQL, 4.00 by rate')
    expect(renderSummary({ ...mail, workload: workload('mail-fsync') })).toContain('per mail, fsync on')
  })

  it('say of a steady rate when ours accepted and started', () => {
    const steps = { acceptedP50Ms: 1, acceptedP99Ms: 4, startedP50Ms: 5.25, startedP99Ms: 20 }
    const round = medians([figures(steps), figures({ ...steps, acceptedP50Ms: 3 }), figures({ ...steps, acceptedP50Ms: 2 })])
    expect(renderSummary({ workload: workload('latency-100'), contenders: { ours: round, plain: figures({}) } })).toContain(
      'ours, p50 and p99 from the acknowledgement: accepting 2.0 and 4.0 ms, start 5.3 and 20.0 ms, relay 8.0 and 30.0 ms',
    )
    expect(renderSummary(mail)).not.toContain('accepting')
  })

  it('say what a replay does to live mails', () => {
    const ours = medians([figures({ p50Ms: 5, p99Ms: 20, besideP50Ms: 6, besideP99Ms: 30, replayed: 5_110 })])
    const summary = { workload: workload('replay'), contenders: { ours } }
    expect(renderSummary(summary)).toContain(
      'a live mail takes p50 and p99 5.0 and 20.0 ms alone; beside a replay of 5,110 events 6.0 (1.20 times) and 30.0 ms (1.50 times)',
    )
    expect(lineOf(summary)).toMatchObject({ p50Ms: 5, besideP50Ms: 6, besideP99Ms: 30 })
  })

  it('are written between the marks of a document, in place of those before', () => {
    const written = withTables(
      '# Title\n<!-- bench -->\nold\n<!-- /bench -->\nmore\n',
      [mail],
      ['npm run bench: medians of 3 rounds.', 'On two cores.'],
    )
    expect(written).toBe(
      `# Title\n<!-- bench -->\n\`npm run bench\`: medians of 3 rounds. On two cores.\n\n${renderMarkdown(mail)}\n<!-- /bench -->\nmore\n`,
    )
    expect(() => withTables('# Title', [mail], ['a: b'])).toThrow('has no part between <!-- bench --> and <!-- /bench -->')
  })
})
