import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import type { CampaignTemplate } from '../../../../../src/delivery/email/mail-message.ts'
import { TemplateCompilerUnavailable, type TemplateEngine } from '../../../../../src/delivery/email/mail-template.ts'
import { createTemplateEngine, type TemplateEngineOptions } from '../../../../../src/infra/mail/templates/template-engine.ts'
import { readable } from '../../../../support/readable-mail.ts'

const template = (html: string, id = 'template-1'): CampaignTemplate => ({ from: 'campaign', id, subject: 'S', html, text: null })
const large = (words: string) => template(`<style>p { color: red }</style>${'<p>Some words to read.</p>'.repeat(8_000)}${words}`)
/** One rule of 200 KB that belongs into each of 900 elements. */
const exploding = template(`<style>b { ${'color: red; '.repeat(14_000)} }</style>${'<b>x</b>'.repeat(900)}`)

const never = new AbortController().signal
const engines: Pick<TemplateEngine, 'close'>[] = []
function engineWith(options: TemplateEngineOptions = {}): ReturnType<typeof readable> {
  const engine = readable(createTemplateEngine(options))
  engines.push(engine)
  return engine
}
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()))
})

describe('a template', () => {
  test('is compiled while the event loop goes on', async () => {
    const engine = engineWith()
    await engine.ready(template('warm'), never)
    let compiled = false
    let turns = 0
    const compiling = engine.ready(large('x'), never).then(() => (compiled = true))
    for (; !compiled; turns++) await turn()
    await compiling
    expect(turns).toBeGreaterThan(20)
  })

  test('is known by its text: touched, copied or moved to another campaign, it is not compiled again', async () => {
    const engine = engineWith()
    await Promise.all([engine.ready(template('<p>same</p>'), never), engine.ready(template('<p>same</p>', 'template-2'), never)])
    // Without a compiler only what is compiled already can be rendered.
    await engine.close()
    expect((await engine.render(template('<p>same</p>', 'template-3'), {}, {})).text).toBe('same\n')
    await expect(engine.render(template('<p>changed</p>'), {}, {})).rejects.toBeInstanceOf(TemplateCompilerUnavailable)
  })

  test.each<[string, CampaignTemplate, TemplateEngineOptions]>([
    ['takes more memory than there is', exploding, { heapMb: 32 }],
    ['takes forever', exploding, { deadlineMs: 2_000, heapMb: 1_024 }],
  ])('that %s to compile fails alone, by its name, and is not tried with every mail', async (_, costly, options) => {
    const engine = engineWith(options)
    await expect(engine.ready(costly, never)).resolves.toBeUndefined()
    const sentence = expect.stringMatching(/^The template takes more than .* to compile\. Simplify/) as unknown
    const fault = { name: 'TemplateError', reason: 'template-too-costly', message: sentence }
    await expect(engine.render(costly, {}, {})).rejects.toMatchObject(fault)
    expect((await engine.render(template('<p>small</p>'), {}, {})).text).toBe('small\n')
    await engine.close()
    await expect(engine.render(costly, {}, {})).rejects.toMatchObject(fault)
  })

  test('leaves no thread behind: an idle one ends, and the next template starts another', async () => {
    const threads: Worker[] = []
    const onThread = (message: unknown) => {
      if (message instanceof Object && 'worker' in message && message.worker instanceof Worker) threads.push(message.worker)
    }
    subscribe('worker_threads', onThread)
    try {
      const engine = engineWith({ idleMs: 1 })
      for (const count of [1, 2]) {
        expect((await engine.render(template(`<p>${count}</p>`), {}, {})).text).toBe(`${count}\n`)
        expect(threads).toHaveLength(count)
        const [thread] = threads.slice(-1)
        if (thread !== undefined && thread.threadId !== -1) await once(thread, 'exit')
      }
    } finally {
      unsubscribe('worker_threads', onThread)
    }
  })

  test('is given up when the engine is closed or the caller may wait no longer', async () => {
    const engine = engineWith()
    const waiting = new AbortController()
    const [closed, stopped] = [engine.ready(large('a'), never), engine.ready(large('b'), waiting.signal)]
    waiting.abort(new Error('stopping'))
    await expect(stopped).rejects.toThrow('stopping')
    await engine.close()
    await expect(closed).rejects.toBeInstanceOf(TemplateCompilerUnavailable)
  })
})

describe('what is kept', () => {
  test('stays within its bytes, however many campaigns there are', async () => {
    const cacheBytes = 1024 * 1024
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', '--max-old-space-size=48', '--input-type=module-typescript', '-e', keepMany],
      {
        env: {
          ENGINE: new URL('../../../../../src/infra/mail/templates/template-engine.ts', import.meta.url).href,
          CACHE_BYTES: String(cacheBytes),
        },
      },
    )
    const [kept, grown] = stdout.split(' ').map(Number)
    expect(kept).toBe(52)
    expect(grown).toBeLessThan(cacheBytes)
  })
})

const keepMany = `
  const { createTemplateEngine } = await import(process.env.ENGINE)
  const engine = createTemplateEngine({ cacheBytes: Number(process.env.CACHE_BYTES) })
  const source = (words, id) => ({ from: 'campaign', id, subject: 'S', html: (words + id).repeat(1_200), text: null })
  const used = () => (globalThis.gc(), process.memoryUsage().heapUsed)
  let kept = 0
  const keepUntil = async (count) => {
    for (; kept < count; kept++) await engine.render(source('Words to read, fifty characters of them in a row', String(kept)), {}, {})
  }
  // A dozen fill the cache; forty more would take five times as much.
  await keepUntil(12)
  const before = used()
  await keepUntil(52)
  const grown = used() - before
  await engine.close()
  console.log(kept, grown)`
