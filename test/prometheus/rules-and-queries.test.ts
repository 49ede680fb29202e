import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { dashboards } from '../../config/grafana/dashboards.ts'
import { tableRows } from '../repo/source-files.ts'
import { promtool, readRules, rulesInSeconds } from '../support/prometheus.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-worker-promtool-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Checks rules that are no file of the repository. */
async function checkRules(text: string) {
  const path = join(folder, 'rules.yml')
  await writeFile(path, text)
  return promtool(['check', 'rules', path])
}

describe('promtool', () => {
  it('accepts the alerts, and the same with each minute as a second', async () => {
    const { groups } = await readRules()
    const found = `${groups.flatMap(({ rules }) => rules).length} rules found`
    expect(await promtool(['check', 'rules', 'config/prometheus/alerts.yml'])).toEqual({ code: 0, output: expect.stringContaining(found) })
    expect(await checkRules(await rulesInSeconds())).toEqual({ code: 0, output: expect.stringContaining(found) })
  })

  it('sees every alert fire, and not fire within its bounds', async () => {
    expect(await promtool(['test', 'rules', 'config/prometheus/alerts-test.yml'])).toEqual({
      code: 0,
      output: expect.stringContaining('SUCCESS'),
    })
  })

  it('parses every query of docs/reference/metrics.md', async () => {
    const text = await readFile('docs/reference/metrics.md', 'utf8')
    const part = text.slice(text.indexOf('\n## Which one to look at\n'), text.indexOf('\n## Several processes\n'))
    const queries = tableRows(part).map(([, cell = '']) => /`([^`]+)`/.exec(cell)?.[1]?.replaceAll(String.raw`\|`, '|') ?? '')
    expect(queries.length).toBeGreaterThan(5)
    const rules = queries.map((expr, index) => ({ record: `documented:query${index}`, expr }))
    expect(await checkRules(stringify({ groups: [{ name: 'documented', rules }] }))).toEqual({
      code: 0,
      output: expect.stringContaining(`${rules.length} rules found`),
    })
  })

  it('parses every query of the dashboards', async () => {
    const queries = Object.values(dashboards).flatMap(({ rows }) =>
      rows.flatMap(([, panels]) => panels.flatMap(({ lines }) => lines.map(([, query]) => query))),
    )
    const rules = queries.map((query, index) => ({
      record: `dashboards:query${index}`,
      expr: query.replaceAll('$__rate_interval', '1m').replaceAll('$group', '.*'),
    }))
    expect(rules.length).toBeGreaterThan(50)
    expect(await checkRules(stringify({ groups: [{ name: 'dashboards', rules }] }))).toEqual({
      code: 0,
      output: expect.stringContaining(`${rules.length} rules found`),
    })
    const broken = rules.map(({ record, expr }, index) => ({ record, expr: index === 3 ? `${expr})` : expr }))
    expect(await checkRules(stringify({ groups: [{ name: 'dashboards', rules: broken }] }))).toMatchObject({ code: 1 })
  })
})
