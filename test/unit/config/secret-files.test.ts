import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { describeConfig } from '../../../config/describe.ts'
import type { Config } from '../../../config/load.ts'
import type { Variable } from '../../../config/variable.ts'
import { variables } from '../../../config/variables.ts'
import { loadWith, problemsWith } from './least.ts'

const all = Object.entries<Variable<unknown>>(variables)
const secrets = all.filter(([, { secret }]) => secret !== null)
const word = 'hidden-word-hidden-word-hidden-word'

/** What must be said beside a secret for it to be used at all. The empty text is as good as nothing. */
const beside: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  KAFKA_SASL_PASSWORD: { KAFKA_SECURITY_PROTOCOL: 'SASL_SSL', KAFKA_SASL_USERNAME: 'worker' },
  KAFKA_SASL_OAUTH_TOKEN: { KAFKA_SECURITY_PROTOCOL: 'SASL_SSL', KAFKA_SASL_MECHANISM: 'OAUTHBEARER' },
  KAFKA_SASL_OAUTH_CLIENT_SECRET: {
    KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
    KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
    KAFKA_SASL_OAUTH_TOKEN_URL: 'https://id.example.com/oauth2/token',
    KAFKA_SASL_OAUTH_CLIENT_ID: 'worker',
  },
  OTEL_EXPORTER_OTLP_HEADERS: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example.com:4318' },
  PGPASSWORD: { DATABASE_URL: '', PGHOST: 'localhost', PGUSER: 'worker' },
}

const folder = mkdtempSync(join(tmpdir(), 'config-secrets-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

/** A value that its kind takes and that holds the word. */
function valueOf({ secret, kind }: Variable<unknown>): string {
  if (secret === 'url') return (/\S+:\/\/\S+/.exec(kind.expects)?.[0] ?? '').replace(':password@', `:${word}@`)
  return 'value' in kind.parse(word) ? word : `name=${word}`
}

/** With what a new connection to Kafka or the schema registry would be made with. */
function plain({ kafka, ...rest }: Config) {
  const registryNow = kafka.registry === null ? null : kafka.registryNow()
  return { ...rest, kafka: { ...kafka, accessNow: kafka.accessNow(), registryNow } }
}

it('every variable with the name of a secret is marked as secret', () => {
  const named = all.map(([name]) => name).filter((name) => /PASSWORD|SECRET|TOKEN(?!_URL$)|(?:SMTP|DATABASE)_URL$/.test(name))
  expect(secrets.map(([name]) => name)).toEqual(expect.arrayContaining(named))
  expect(named.length).toBeGreaterThan(3)
})

describe.each(secrets)('%s from a file', (name, variable) => {
  const value = valueOf(variable)
  const others = { [name]: '', ...beside[name] }

  it('has the same value as in the environment, without the final line break', () => {
    const direct = loadWith({ ...others, [name]: value })
    const filed = loadWith({ ...others, [`${name}_FILE`]: file(name, `${value}\n`) })
    expect(JSON.stringify(direct)).toContain(word)
    expect(plain(filed)).toEqual(plain(direct))
  })

  it('is masked, with the source file', () => {
    const environment = { ...others, [`${name}_FILE`]: file(name, value) }
    const rows = describeConfig(environment)
    expect(rows.find((row) => row.name === name)).toMatchObject({ source: 'file', value: expect.stringContaining('***') })
    expect(JSON.stringify(rows)).not.toContain(word)
  })

  it('is refused when set twice, missing or empty, by name and without its content', () => {
    const twice = problemsWith({ ...others, [name]: value, [`${name}_FILE`]: file(name, value) })
    expect(twice).toEqual([`${name} and ${name}_FILE are both set: give one of them.`])
    for (const [path, wrong] of [
      [join(folder, 'none'), 'cannot be read (ENOENT)'],
      [file('empty', '\n'), 'is empty'],
    ] as const) {
      expect(problemsWith({ ...others, [`${name}_FILE`]: path })).toContainEqual(
        expect.stringMatching(new RegExp(`^${name}_FILE names the file .*${wrong.replaceAll(/[()]/g, '\\$&')}`)),
      )
    }
  })
})
