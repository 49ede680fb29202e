import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { startDaemon } from '../support/daemon.ts'

const main = join(import.meta.dirname, '../../cmd/kafka-worker/main.js')
const environment = {
  KAFKA_BROKERS: '127.0.0.1:1',
  DATABASE_URL: 'postgresql://worker@127.0.0.1:1/platform',
  SMTP_URL: 'smtp://127.0.0.1:1',
  MAIL_FROM: 'waitlist@example.com',
  HTTP_HOST: '127.0.0.1',
  HTTP_PORT: '0',
  BOOT_TIMEOUT_MS: '3000',
}
/** Both servers are away, and are tried at the same time: the error names the one that was tried last. */
const sentence =
  /^(The database does not answer|No Kafka broker answers at 127\.0\.0\.1:1) \(.*; given up after BOOT_TIMEOUT_MS \(3000\)\.$/

/** Gives a command a terminal; the options are those of util-linux, other systems have a `script` of their own. */
const hasScript = spawnSync('script', ['--version']).stdout?.includes('util-linux') ?? false

describe('the error that ends a start', () => {
  test.skipIf(!hasScript)('is a plain line on a terminal, beside the log', async () => {
    const child = spawn('script', ['-qec', `'${process.execPath}' '${main}'`, '/dev/null'], {
      env: cleanEnvironment(environment),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
    const lines = output.split('\r\n')
    expect(code).toBe(1)
    expect(lines).toContain('Kafka event consumer server configuration:')
    expect(lines.filter((line) => sentence.test(line))).toHaveLength(1)
    expect(
      lines.filter((line) => line.includes('"level":"fatal"') && line.includes('given up after BOOT_TIMEOUT_MS (3000).')),
    ).toHaveLength(1)
  })

  test('is only in the log where standard error is no terminal', async () => {
    await using daemon = startDaemon(environment)
    expect(await daemon.exited).toBe(1)
    expect(daemon.other).toEqual([])
    expect(daemon.lines.filter(({ level }) => level === 'fatal').map(({ msg }) => msg)).toEqual([expect.stringMatching(sentence)])
  })
})
