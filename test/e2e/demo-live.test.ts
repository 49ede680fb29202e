import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'

interface LiveDemo {
  readonly child: ChildProcess
  readonly exited: Promise<unknown>
  readonly stdout: () => string
  readonly stderr: () => string
  /** What it says after `name: `. */
  address(name: string): Promise<string>
}

let running: LiveDemo | undefined

/** What `pattern` catches in what `look` sees, once it does. */
async function seen(look: () => string | Promise<string>, pattern: RegExp): Promise<string> {
  return vi.waitFor(
    async () => {
      const found = pattern.exec(await look())
      if (found === null) throw new Error(`nothing like ${String(pattern)} so far`)
      return found[1] ?? ''
    },
    { timeout: 240_000, interval: 100 },
  )
}

function startDemo(): LiveDemo {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../cmd/demo/main.ts')], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const stdout = () => output.stdout
  const demo: LiveDemo = {
    child,
    exited: once(child, 'close').then(([code]: unknown[]) => code),
    stdout,
    stderr: () => output.stderr,
    address: (name) => seen(stdout, new RegExp(`^${name}: (\\S+) \\(`, 'm')),
  }
  running = demo
  return demo
}

afterEach(async () => {
  if (running?.child.exitCode === null) running.child.kill('SIGKILL')
  await running?.exited
})

describe('the demo without --once', () => {
  it('ends at the first SIGINT while its servers start, without waiting for them', async () => {
    const demo = startDemo()
    await seen(demo.stderr, /(Starting the servers)/)
    demo.child.kill('SIGINT')
    expect(await demo.exited).toBe(0)
    expect(demo.stderr()).not.toMatch(/Kafka .*: up after/)
  })

  it('keeps traffic flowing, shows the mails, and stops cleanly on SIGINT', async () => {
    const demo = startDemo()
    const mails = await demo.address('mails')
    const path = await seen(async () => (await fetch(mails)).text(), /href="(\/mail\/[^"]+)"/)
    const page = await (await fetch(new URL(path, mails))).text()
    expect(page).toContain('<iframe sandbox ')
    const body = await fetch(new URL(path.replace('/mail/', '/html/'), mails))
    expect(body.headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none';/)
    expect((await fetch(new URL('/mail/none', mails))).status).toBe(404)
    await seen(demo.stdout, /mails=[1-9]/)
    expect(await (await fetch(await demo.address('metrics'))).text()).toContain('kafka_worker_messages_total')
    expect(await (await fetch(await demo.address('status'))).json()).toMatchObject({ groups: { 'email-workers': {} } })

    const line = await seen(demo.stderr, /^(export .*)$/m)
    const variables = Object.fromEntries([...line.matchAll(/ ([A-Z_]+)='([^']*)'/g)].map(([, name = '', value = '']) => [name, value]))
    expect(await runWorkerctl(['doctor'], variables)).toMatchObject({ code: 0, err: '' })

    demo.child.kill('SIGINT')
    expect(await demo.exited).toBe(0)
    expect(demo.stderr()).toContain('The daemon ended with exit code 0\n')
  })

  it('reports the death of the daemon with the end of its log', async () => {
    const demo = startDemo()
    const log = await demo.address('log')
    const pid = Number(/"pid":(\d+)/.exec(await readFile(log, 'utf8'))?.[1])
    process.kill(pid, 'SIGKILL')
    expect(await demo.exited).toBe(1)
    expect(demo.stderr()).toContain(`The daemon ended with signal SIGKILL; its log is ${log} and ends:\n{"level":`)
    await rm(dirname(log), { recursive: true })
  })
})
