import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from '../../../config/load.ts'
import { OperatorError } from '../../../src/std/failure.ts'

const known = { groups: ['email-workers', 'position-workers', 'reward-workers'], mailGroups: ['email-workers', 'reward-workers'] }
const least = {
  KAFKA_BROKERS: 'kafka-1.example.com:9092',
  DATABASE_URL: 'postgresql://worker:hush@localhost/platform',
  SMTP_URL: 'smtp://worker:hush@mail.example.com:587',
  MAIL_FROM: 'news@example.com',
}
const load = (more: Record<string, string> = {}) => loadConfig({ ...least, ...more }, known)

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig(environment, known)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('loadConfig', () => {
  it('requires brokers, a database and a relay; everything else has defaults', () => {
    const config = load()
    expect(config.kafka).toMatchObject({ brokers: ['kafka-1.example.com:9092'], topic: 'domain-events', poolSize: 10, groupPrefix: '' })
    expect(config.kafka.groups).toEqual(known.groups)
    expect(config.database.connection.connectionString).toBe(least.DATABASE_URL)
    expect(config.mail).toMatchObject({
      maxConnections: 10,
      deadlineMs: 60_000,
      connectDeadlineMs: 60_000,
      ambiguous: 'retry',
      from: { address: 'news@example.com' },
    })
    expect(config.webhook.allowCidr).toEqual([])
    expect(config.http).toEqual({ host: '0.0.0.0', port: 9090, token: undefined, adminToken: undefined, adminAccess: 'loopback' })
    expect(config.warnings).toEqual([])
  })

  it.each([
    [{ KAFKA_WORKER_POOL_SIZE: '200' }, 200],
    [{ KAFKA_WORKER_POOL_SIZE: '200', SMTP_MAX_CONNECTIONS: '20' }, 20],
    [{ SMTP_MAX_CONNECTIONS: '20' }, 20],
  ])('opens as many connections to the relay as a group has workers, unless SMTP_MAX_CONNECTIONS is set: %j', (variables, most) => {
    expect(load(variables).mail.maxConnections).toBe(most)
  })

  it('has no schema registry unless one is given, with its login in the URL', () => {
    expect(load().kafka.registry).toBeNull()
    const url = 'https://worker:hush@registry.example.com/apis/ccompat/v7'
    expect(load({ KAFKA_SCHEMA_REGISTRY_URL: url }).kafka.registry).toEqual({ url })
    expect(load({ KAFKA_SCHEMA_REGISTRY_URL: 'http://worker:hush@127.0.0.1:8081' }).kafka.registry).toEqual({
      url: 'http://worker:hush@127.0.0.1:8081',
    })
  })

  it.each([
    [
      { KAFKA_SCHEMA_REGISTRY_URL: 'http://worker:hush@registry.example.com' },
      /^KAFKA_SCHEMA_REGISTRY_URL begins with http:.* unencrypted/,
    ],
    [{ KAFKA_SCHEMA_REGISTRY_URL: 'registry.example.com:8081' }, /^KAFKA_SCHEMA_REGISTRY_URL .*https:/],
    [{ KAFKA_SCHEMA_REGISTRY_CA_FILE: '/does/not/exist' }, /^KAFKA_SCHEMA_REGISTRY_CA_FILE.* names a file/],
  ])('refuses %j', (variables, problem) => {
    const problems = problemsOf({ ...least, ...variables })
    expect(problems).toEqual([expect.stringMatching(problem)])
    expect(problems[0]).not.toContain('hush')
  })

  it('is deeply frozen', () => {
    const config = load()
    expect(Object.isFrozen(config) && Object.isFrozen(config.kafka) && Object.isFrozen(config.kafka.brokers)).toBe(true)
    expect(Object.isFrozen(config.mail.from)).toBe(true)
  })

  it('reports all problems at once, one sentence each, as an OperatorError', () => {
    const problems = problemsOf({
      KAFKA_BROKERS: 'kafka-1.example.com',
      KAFKA_WORKER_POOL_SIZE: 'ten',
      KAFKA_START_FROM: 'yesterday',
      MAIL_DEADLINE_MS: '30s',
      LOG_LEVEL: 'loud',
      WEBHOOK_ALLOW_CIDR: '10.0.0.1',
    })
    expect(problems.map((problem) => /^\w+/.exec(problem)?.[0])).toEqual([
      'KAFKA_BROKERS',
      'KAFKA_WORKER_POOL_SIZE',
      'KAFKA_START_FROM',
      'MAIL_DEADLINE_MS',
      'WEBHOOK_ALLOW_CIDR',
      'LOG_LEVEL',
      'DATABASE_URL',
      'SMTP_URL',
    ])
    expect(problems.every((problem) => problem.endsWith('.'))).toBe(true)
    expect(() => loadConfig({}, known)).toThrow(OperatorError)
  })

  it('takes the admin verbs in public only with a token', () => {
    expect(problemsOf({ ...least, ADMIN_ACCESS: 'public' })).toEqual([
      'ADMIN_ACCESS is public, but ADMIN_TOKEN is not set, so that anybody could stop the work: set ADMIN_TOKEN, or ADMIN_ACCESS to loopback.',
    ])
    const token = 'a-token-of-some-length'
    expect(load({ ADMIN_ACCESS: 'public', ADMIN_TOKEN: token }).http).toMatchObject({ adminAccess: 'public', adminToken: token })
  })

  it.each([
    ['SMTP_URL', 'smtp://worker:hush%@mail.example.com'],
    ['SMTP_URL', 'http://worker:hush@mail.example.com'],
    ['SMTP_URL', 'smtp://worker:hush#1@mail.example.com'],
    ['DATABASE_URL', 'postgresql://worker:hu/hush@db.example.com/platform'],
    ['DATABASE_URL', 'hush'],
    ['KAFKA_BROKERS', 'sasl://worker:hush@kafka-1.example.com:9092'],
    ['KAFKA_SCHEMA_REGISTRY_URL', 'ftp://worker:hush@registry.example.com'],
    ['WEBHOOK_ALLOW_CIDR', 'http://worker:hush@10.0.0.1'],
  ])('never quotes the secret in %s=%s', (name, value) => {
    const problems = problemsOf({ ...least, [name]: value })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(new RegExp(`^${name}`))
    expect(problems[0]).not.toContain('hush')
  })

  it.each(['0.0.0.0/0', '::/0', '10.1.2.3/32', '10.128.0.0/9', 'fd00:1:2::/48', '2001:db8::1/128', '::1/128', 'FD00::/8'])(
    'takes WEBHOOK_ALLOW_CIDR=%s',
    (network) => {
      expect(load({ WEBHOOK_ALLOW_CIDR: network }).webhook.allowCidr).toEqual([network])
    },
  )

  it.each(['[::1]:9092', '::1', 'a.example.com:1,[2001:db8::1]:9092'])(
    'refuses KAFKA_BROKERS=%s, which the client cannot dial',
    (brokers) => {
      expect(problemsOf({ ...least, KAFKA_BROKERS: brokers })).toEqual([
        expect.stringMatching(/^KAFKA_BROKERS.* holds an IPv6 address.*host name/),
      ])
    },
  )

  it('treats empty and blank values as not set', () => {
    expect(load({ KAFKA_TOPIC: '', LOG_LEVEL: '  ', KAFKA_GROUPS: '' }).kafka.topic).toBe('domain-events')
    expect(problemsOf({ ...least, KAFKA_BROKERS: ' ' })).toEqual([expect.stringContaining('KAFKA_BROKERS is not set')])
  })

  it('parses times, lists and words', () => {
    const config = load({
      KAFKA_BROKERS: 'a.example.com:1, 127.0.0.1:9092 ,a.example.com:1',
      KAFKA_START_FROM: '2025-01-31T00:00:00+01:00',
      WEBHOOK_ALLOW_CIDR: '127.0.0.0/8,fd00::/8',
      MAIL_FROM: 'Example News <news@example.com>',
      MAIL_AMBIGUOUS: 'HOLD',
    })
    expect(config.kafka.brokers).toEqual(['a.example.com:1', '127.0.0.1:9092'])
    expect(config.kafka.startFrom).toEqual(new Date('2025-01-30T23:00:00Z'))
    expect(config.webhook.allowCidr).toEqual(['127.0.0.0/8', 'fd00::/8'])
    expect(config.mail).toMatchObject({ from: { name: 'Example News', address: 'news@example.com' }, ambiguous: 'hold' })
  })

  it.each([
    ['KAFKA_BROKERS', 'localhost:0'],
    ['KAFKA_BROKERS', 'a:1,b'],
    ['KAFKA_BROKERS', '[zz]:1'],
    ['KAFKA_BROKERS', '[::1]:9092'],
    ['KAFKA_BROKERS', 'a.example.com:1,::1'],
    ['KAFKA_TOPIC', 'domain events'],
    ['KAFKA_TOPIC', '..'],
    ['KAFKA_START_FROM', '2025-02-31'],
    ['KAFKA_START_FROM', '2025-13-01T00:00:00Z'],
    ['KAFKA_START_FROM', '2025-01-31T00:00:00'],
    ['MAIL_FROM', 'a@example.com, b@example.com'],
    ['REFERRAL_LINK_TEMPLATE', 'https://example.com/r/'],
    ['REFERRAL_LINK_TEMPLATE', 'ftp://example.com/{referral_code}'],
    ['WEBHOOK_ALLOW_CIDR', '10.0.0.0/33'],
    ['WEBHOOK_ALLOW_CIDR', 'example.com/8'],
    ['WEBHOOK_ALLOW_CIDR', '10.1.2.3/8'],
    ['WEBHOOK_ALLOW_CIDR', '10.0.0.1/0'],
    ['WEBHOOK_ALLOW_CIDR', 'fd00::1/64'],
    ['WEBHOOK_ALLOW_CIDR', '::ffff:10.0.0.0/104'],
    ['WEBHOOK_ALLOW_CIDR', '::ffff:a00:0/104'],
    ['WEBHOOK_ALLOW_CIDR', 'fe80::%eth0/10'],
    ['WEBHOOK_ALLOW_CIDR', '0x7f.0.0.0/8'],
    ['WEBHOOK_ALLOW_CIDR', '127.1/8'],
    ['DEDUPE_DAYS', '0'],
    ['DEDUPE_DAYS', '1e3'],
    ['HTTP_PORT', '65536'],
    ['HTTP_PORT', '-1'],
    ['BOOT_TIMEOUT_MS', '99999999999'],
  ])('refuses %s=%s', (name, value) => {
    expect(problemsOf({ ...least, [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name}: "`))])
  })

  it('builds one URL from the PG variables, encoded', () => {
    const { DATABASE_URL: _, ...others } = least
    const parts = { PGHOST: 'db.example.com', PGUSER: 'wor ker', PGPASSWORD: 'p@/ss', PGSSLMODE: 'verify-full' }
    expect(loadConfig({ ...others, ...parts }, known).database.connection).toEqual({
      connectionString: 'postgresql://wor%20ker:p%40%2Fss@db.example.com:5432/wor%20ker',
      tls: { mode: 'verify-full' },
      platformSchema: 'public',
    })
    expect(loadConfig({ ...others, PGHOST: '/run/pg', PGUSER: 'w' }, known).database.connection.connectionString).toBe(
      'postgresql://w@localhost:5432/w?host=%2Frun%2Fpg',
    )
    expect(problemsOf({ ...others, PGDATABASE: 'x' }).map((problem) => problem.slice(0, 6))).toEqual(['PGHOST', 'PGUSER'])
  })

  it('prefers DATABASE_URL over the PG variables, with a warning', () => {
    const config = load({ PGHOST: 'elsewhere.example.com', PGPASSWORD: 'quiet' })
    expect(config.database.connection.connectionString).toBe(least.DATABASE_URL)
    expect(config.warnings).toEqual(['DATABASE_URL is set and takes precedence over PGHOST, PGPASSWORD.'])
  })

  it('refuses unknown groups, and requires a relay only for groups that send mail', () => {
    const { SMTP_URL: _, MAIL_FROM: __, ...others } = least
    expect(loadConfig({ ...others, KAFKA_GROUPS: 'position-workers' }, known).kafka.groups).toEqual(['position-workers'])
    expect(problemsOf({ ...others, KAFKA_GROUPS: 'position-workers,reward-workers' })).toEqual([
      expect.stringContaining('SMTP_URL is not set, but reward-workers'),
    ])
    expect(problemsOf({ ...least, KAFKA_GROUPS: 'email' })).toEqual([expect.stringContaining('KAFKA_GROUPS names email')])
  })

  it('checks the heartbeat against the session timeout, and topic and prefix against the length of a dead-letter topic', () => {
    expect(problemsOf({ ...least, KAFKA_SESSION_TIMEOUT_MS: '6000', KAFKA_HEARTBEAT_INTERVAL_MS: '2001' })).toEqual([
      expect.stringContaining('give at most 2000'),
    ])
    expect(load({ KAFKA_SESSION_TIMEOUT_MS: '6000', KAFKA_HEARTBEAT_INTERVAL_MS: '2000' }).kafka.heartbeatIntervalMs).toBe(2000)
    expect(problemsOf({ ...least, KAFKA_TOPIC: 't'.repeat(249) })).toEqual([expect.stringContaining('249')])
  })

  it('warns of names that resemble a variable, and suggests it', () => {
    const { warnings } = load({
      KAFKA_BROKER: 'x',
      SMTP_URI: 'smtp://x',
      LOGLEVEL: 'debug',
      KAFKA_HEAP_OPTS: '-Xmx1g',
      HTTP_PROXY: 'http://proxy.example.com',
      PGAPPNAME: 'x',
      KAFKA_PORT_9092_TCP: 'tcp://10.0.0.1:9092',
      KAFKA_SERVICE_HOST: '10.0.0.1',
      MAIL_SENDER: '',
    })
    expect(warnings).toEqual([
      expect.stringMatching(/^KAFKA_BROKER .* did you mean KAFKA_BROKERS\?$/),
      expect.stringMatching(/^SMTP_URI .* did you mean SMTP_URL\?$/),
      expect.stringMatching(/^LOGLEVEL .* did you mean LOG_LEVEL\?$/),
      expect.stringMatching(/^KAFKA_HEAP_OPTS /),
    ])
  })

  it('warns when campaigns without a sender have no default', () => {
    const { MAIL_FROM: _, ...others } = least
    expect(loadConfig(others, known).warnings).toEqual([expect.stringContaining('MAIL_FROM is not set')])
  })
})

describe('secrets from files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'config-test-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = (name: string, content: string) => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  const { SMTP_URL: relay, ...others } = least

  it('are read without surrounding white space', () => {
    const path = file('relay', `${relay}\n`)
    expect(loadConfig({ ...others, SMTP_URL_FILE: path }, known).mail.smtpUrl).toBe(relay)
  })

  it('must not be set twice, be missing or be empty', () => {
    const path = file('empty', '\n')
    expect(problemsOf({ ...least, SMTP_URL_FILE: path })).toEqual(['SMTP_URL and SMTP_URL_FILE are both set: give one of them.'])
    expect(problemsOf({ ...others, SMTP_URL_FILE: path })).toEqual([expect.stringContaining('which is empty')])
    expect(problemsOf({ ...others, SMTP_URL_FILE: join(folder, 'none') })).toEqual([expect.stringContaining('cannot be read (ENOENT)')])
  })
})
