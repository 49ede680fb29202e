import { execFile } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { daemonCommand } from '../../stack/daemon-command.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'

/** Nothing answers there: a daemon that is not stopped goes on trying for longer than this test. */
const settings = {
  KAFKA_BROKERS: '127.0.0.1:1',
  DATABASE_URL: 'postgres://worker@127.0.0.1:1/worker',
  SMTP_URL: 'smtp://127.0.0.1:1',
  MAIL_FROM: 'waitlist@example.com',
  REFERRAL_LINK_TEMPLATE: 'https://example.com/r/{referral_code}',
  HTTP_HOST: '127.0.0.1',
  HTTP_PORT: '0',
}

/** The process sends itself the signals at the moment when it begins to load the daemon's modules. */
function sending(signals: readonly string[]): string {
  const code = `
    import { registerHooks } from 'node:module'
    registerHooks({
      load(url, context, next) {
        if (url.endsWith('/cmd/kafka-worker/run.mts')) for (const signal of ${JSON.stringify(signals)}) process.kill(process.pid, signal)
        return next(url, context)
      },
    })`
  return `data:text/javascript,${encodeURIComponent(code)}`
}

/** A process namespace of its own, in which the daemon is process 1 as in a container. */
const asProcess1 = ['unshare', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']), '--pid', '--fork', '--kill-child']

function start(signals: readonly string[], prefix: readonly string[]): Promise<{ code: unknown; out: string }> {
  const { command, args } = daemonCommand()
  const [program = '', ...rest] = [...prefix, command, '--import', sending(signals), ...args]
  return new Promise((resolve) => {
    execFile(program, rest, { env: cleanEnvironment(settings), timeout: 240_000, killSignal: 'SIGKILL' }, (error, out) =>
      resolve({ code: error === null ? 0 : (error.signal ?? error.code), out }),
    )
  })
}

describe('a daemon that gets a signal while it loads', () => {
  test.each([
    ['as process 1 of a container', 'SIGTERM', asProcess1],
    ['as process 1 of a container', 'SIGINT', asProcess1],
    ['as any other process', 'SIGTERM', []],
  ])('stops with exit code 0 %s (%s)', async (_, signal, prefix) => {
    const { code, out } = await start([signal], prefix)
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining(`"signal":"${signal}"`) })
    expect(out).toContain('"msg":"stopped"')
  })

  test('reports its work and goes quiet if those signals came first', async () => {
    const { code, out } = await start(['SIGUSR2', 'SIGTSTP', 'SIGTERM'], asProcess1)
    expect(code).toBe(0)
    expect(out).toContain('"msg":"stopped"')
  })
})
