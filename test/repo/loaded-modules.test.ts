import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'

/** Every file that the daemon has loaded when it starts, and every file that it could still load at once. */
const listing = `
  import { createRequire, registerHooks } from 'node:module'
  const loaded = new Set()
  registerHooks({ load: (url, context, next) => (loaded.add(url), next(url, context)) })
  await import('./cmd/kafka-worker/run.mts')
  for (const path of Object.keys(createRequire(import.meta.url).cache)) loaded.add('file://' + path)
  console.log(JSON.stringify([...loaded]))`

let loaded: readonly string[] = []
beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', listing], { maxBuffer: 2 ** 24 })
  loaded = JSON.parse(stdout)
})

describe('what the daemon loads when it starts', { timeout: 60_000 }, () => {
  it('is found at all', () => {
    expect(loaded.filter((path) => path.endsWith('/src/daemon/app.ts'))).toHaveLength(1)
    expect(loaded.filter((path) => path.includes('/node_modules/kafkajs/')).length).toBeGreaterThan(100)
  })

  it.each([
    ['the CSS inliner, which belongs to the thread that compiles templates', /\/node_modules\/(?:juice|cheerio|postcss|htmlparser2)\//],
    ['fetch, WebSocket, caches and mocks of undici', /\/node_modules\/undici\/(?:index\.js|lib\/(?:web|mock|cache|interceptor)\/)/],
    [
      'the builder of schemas, which are written as JSON Schema',
      /\/node_modules\/typebox\/build\/(?:typebox\.mjs|value\/|type\/(?:action|script)\/)/,
    ],
  ])('leaves out %s', (_, pattern) => {
    expect(loaded.filter((path) => pattern.test(path))).toEqual([])
  })
})
