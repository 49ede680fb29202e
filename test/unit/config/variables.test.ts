import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { renderConfigurationDoc, renderExampleEnv, renderFirstVariables } from '../../../config/render-docs.ts'
import { sections, variableNames, variables } from '../../../config/variables.ts'
import type { Variable } from '../../../config/variable.ts'

const parseProcesses = (text: string) => variables.WORKER_PROCESSES.kind.parse(text)
const all = Object.entries<Variable<unknown>>(variables)

describe('the table of variables', () => {
  it('has every variable in exactly one section', () => {
    expect(sections.flatMap(({ variables }) => Object.keys(variables))).toEqual(all.map(([name]) => name))
  })

  it.each(all)('%s has a sentence, and a valid default', (name, variable) => {
    expect(variable.doc).toMatch(/^[A-Z].*\.$/s)
    const text = variable.default ?? ''
    expect(text === '' || 'value' in variable.kind.parse(text)).toBe(true)
    expect(name.endsWith('_MS')).toBe(variable.kind.expects.startsWith('milliseconds'))
  })

  it('takes a number of processes, or one for each core', () => {
    expect(parseProcesses('auto')).toEqual({ value: availableParallelism() })
    expect(parseProcesses('4')).toEqual({ value: 4 })
    expect([parseProcesses('0'), parseProcesses('257'), parseProcesses('max')]).toEqual([
      { wrong: 'is too small' },
      { wrong: 'is too large' },
      { wrong: 'is not a whole number' },
    ])
  })

  it('includes the file forms of secrets', () => {
    expect(variableNames).toContain('SMTP_URL_FILE')
    expect(variableNames).toContain('PGPASSWORD_FILE')
    expect(variableNames).not.toContain('KAFKA_TOPIC_FILE')
  })
})

describe('its rendering', () => {
  it('is config/example.env (vitest -u writes it)', async () => {
    await expect(renderExampleEnv()).toMatchFileSnapshot('../../../config/example.env')
  })

  it('is docs/reference/configuration.md (vitest -u writes it)', async () => {
    await expect(renderConfigurationDoc()).toMatchFileSnapshot('../../../docs/reference/configuration.md')
  })

  it('has a row for each variable: default, form, meaning, and the file form of a secret', () => {
    const rows = renderConfigurationDoc()
      .split('\n')
      .filter((row) => row.startsWith('| `'))
    expect(rows.map((row) => /`([^`]+)`/.exec(row)?.[1])).toEqual(all.map(([name]) => name))
    for (const [index, [name, variable]] of all.entries()) {
      const cells = (rows[index] ?? '').split(/(?<!\\)\|/)
      expect(cells).toHaveLength(6)
      expect(cells[2]).toContain(variable.default ?? '')
      expect(cells[3]?.trim().length).toBeGreaterThan(5)
      expect(cells[4]?.includes(`${name}_FILE`)).toBe(variable.secret !== null)
    }
  })

  it('is the short table of the README', () => {
    const rows = renderFirstVariables().split('\n').slice(2)
    expect(rows.find((row) => row.startsWith('| `KAFKA_TOPIC`'))).toContain('| `domain-events` |')
    expect(rows.find((row) => row.startsWith('| `SMTP_URL` or `SMTP_URL_FILE`'))).toBeDefined()
  })
})
