import { afterEach, expect, test, vi } from 'vitest'
import { cleanEnvironment } from '../../../stack/worker-environment.ts'

afterEach(() => void vi.unstubAllEnvs())

test('what the worker would read is left out, the rest and what is added stay', () => {
  const theirs = ['KAFKA_BROKERS', 'DATABASE_URL', 'PGHOST', 'PGPASSWORD', 'SMTP_URL', 'HTTP_PORT', 'MAIL_AMBIGUOUS', 'WEBHOOK_ALLOW_CIDR']
  for (const name of [...theirs, 'DEDUPE_DAYS', 'LANG']) vi.stubEnv(name, 'production')
  const clean = cleanEnvironment({ DATABASE_URL: 'local' }, ['DEDUPE_DAYS'])
  expect(Object.keys(clean).filter((name) => theirs.includes(name) || name === 'DEDUPE_DAYS')).toEqual(['DATABASE_URL'])
  expect(clean).toMatchObject({ DATABASE_URL: 'local', LANG: 'production', PATH: process.env['PATH'] })
})

test('this process keeps its own variables', () => {
  vi.stubEnv('DATABASE_URL', 'production')
  cleanEnvironment()
  expect(process.env['DATABASE_URL']).toBe('production')
})
