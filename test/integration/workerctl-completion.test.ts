import { spawnSync } from 'node:child_process'
import { describe, expect, it, test } from 'vitest'
import { runWorkerctl } from './workerctl-fixture.ts'

const { out: script } = await runWorkerctl(['completion', 'bash'], {})

/** The words that bash would offer after these, of which the last is being typed. */
function offered(...words: readonly string[]): readonly string[] {
  const line = ['workerctl', ...words].map((word) => `'${word}'`).join(' ')
  const { stdout, stderr } = spawnSync('bash', ['--norc'], {
    input: `${script}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length}; _workerctl; printf '%s\\n' "\${COMPREPLY[@]}"`,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return stdout.trim().split('\n')
}

describe('bash completes', () => {
  it('commands, and those below them', () => {
    expect(offered('intent')).toEqual(['intents'])
    expect(offered('intents', 're')).toEqual(['retry'])
  })

  it('the options of a command, after other options and arguments', () => {
    expect(offered('offsets', 'reset', '--group', 'email-workers', '--accept')).toEqual(['--accept-loss'])
    expect(offered('intents', 'retry', '17', '--dr')).toEqual(['--dry-run'])
  })

  it('the choices of an argument', () => {
    expect(offered('completion', '')).toEqual(['bash', 'zsh', '--help'])
  })
})

test('config shows variables with secrets masked, and fails with all problems at once', async () => {
  const environment = {
    KAFKA_BROKERS: 'broker.example.com:9092',
    DATABASE_URL: 'postgresql://worker:hidden-word@db.example.com/platform?sslmode=verify-full',
  }
  const shown = await runWorkerctl(['config'], {
    ...environment,
    SMTP_URL: 'smtp://mail.example.com',
    MAIL_FROM: 'Waitlist <hello@example.com>',
  })
  expect(shown).toMatchObject({ code: 0, err: '' })
  expect(shown.out).toMatch(/^KAFKA_BROKERS +broker\.example\.com:9092 +environment$/m)
  expect(shown.out).toMatch(/^DATABASE_URL +postgresql:\/\/worker:\S+@db\.example\.com\/platform\?sslmode=verify-full +environment$/m)
  expect(shown.out).not.toContain('hidden-word')
  const wrong = await runWorkerctl(['config', '--json'], { ...environment, KAFKA_WORKER_POOL_SIZE: 'ten' })
  const { problems } = JSON.parse(wrong.out)
  expect(wrong.code).toBe(1)
  expect(problems).toEqual([expect.stringMatching(/^KAFKA_WORKER_POOL_SIZE/), expect.stringMatching(/^SMTP_URL/)])
  expect(wrong.err).toBe(problems.join('\n'))
})
