import { describe, expect, it } from 'vitest'
import { configTable, describeConfig } from '../../../config/describe.ts'
import { variables } from '../../../config/variables.ts'

const environment = {
  KAFKA_BROKERS: 'kafka-1.example.com:9092',
  DATABASE_URL: 'postgresql://worker:hush@db.example.com/platform?sslpassword=hush',
  SMTP_URL: 'smtp://worker:hu/h@ush@mail.example.com',
  PGPASSWORD: 'hush',
  KAFKA_WORKER_POOL_SIZE: 'ten',
}

describe('describeConfig', () => {
  const rows = describeConfig(environment)
  const row = (name: string) => rows.find((row) => row.name === name)

  it('has one row for every variable, wrong values included', () => {
    expect(rows.map(({ name }) => name)).toEqual(Object.keys(variables))
    expect(row('KAFKA_WORKER_POOL_SIZE')).toEqual({ name: 'KAFKA_WORKER_POOL_SIZE', value: 'ten', source: 'environment' })
    expect(row('KAFKA_TOPIC')).toEqual({ name: 'KAFKA_TOPIC', value: 'domain-events', source: 'default' })
    expect(row('MAIL_FROM')).toEqual({ name: 'MAIL_FROM', value: null, source: 'default' })
  })

  it('masks every secret', () => {
    expect(row('DATABASE_URL')?.value).toBe('postgresql://worker:***@db.example.com/platform?sslpassword=***')
    expect(row('SMTP_URL')?.value).toBe('smtp://worker:***@mail.example.com')
    expect(row('PGPASSWORD')?.value).toBe('***')
    expect(JSON.stringify(rows)).not.toMatch(/hush|h@ush/)
  })

  it.each(['worker:hush@mail.example.com', 'smtp://wor#ker:hush@mail.example.com', 'smtp://wor/ker:hush@mail.example.com'])(
    'masks a secret that is no URL, or not the one that was meant: %s',
    (url) => {
      const rows = describeConfig({ ...environment, SMTP_URL: url })
      expect(rows.find(({ name }) => name === 'SMTP_URL')?.value).not.toContain('hush')
    },
  )

  it('prints an aligned table', () => {
    const lines = configTable(rows).split('\n')
    expect(lines).toHaveLength(rows.length)
    const columns = new Set(lines.map((line) => line.search(/(environment|default)$/)))
    expect(columns.size).toBe(1)
    expect(lines[0]).toMatch(/^KAFKA_BROKERS +kafka-1\.example\.com:9092 +environment$/)
  })
})
