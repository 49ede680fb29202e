import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { tempFolder } from '../../stack/temp-folder.ts'

/** Prints the address of every file that the daemon loads before it reads its configuration. */
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

describe('what the daemon loads when it starts', () => {
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
    ['what reads schemas in Avro, which comes with the first of them', /\/node_modules\/avsc\/|\/src\/infra\/registry\/avro-reader\.ts$/],
    ['the SDK of OpenTelemetry, which comes with a collector', /\/node_modules\/@opentelemetry\/(?!api\/)/],
  ])('leaves out %s', (_, pattern) => {
    expect(loaded.filter((path) => pattern.test(path))).toEqual([])
  })
})

/** Prints at the end whether Node loaded what strips types. */
const printStripper = 'process.on("exit", () => console.log(process.moduleLoadList.some((name) => name.includes("amaro"))))'

/** Starts the daemon's program with a folder for what Node compiles, and prints its version. */
async function version(folder: string): Promise<readonly string[]> {
  const args = ['--import', `data:text/javascript,${encodeURIComponent(printStripper)}`, 'cmd/kafka-worker/main.js', '--version']
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env: { NODE_COMPILE_CACHE: folder } })
  expect(stderr).toBe('')
  return stdout.trim().split('\n')
}

describe('what Node compiles at a start', () => {
  it('is kept for the next one, which loads nothing to strip types', async () => {
    const folder = tempFolder('compiled')
    try {
      expect(await version(folder.path)).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+$/), 'true'])
      const files = await readdir(folder.path, { recursive: true })
      expect(files.length).toBeGreaterThan(500)
      expect(await version(folder.path)).toEqual([expect.anything(), 'false'])
    } finally {
      await folder.remove()
    }
  })

  it('is not needed: where the folder cannot be made, the program starts all the same', async () => {
    expect(await version('/dev/null/compiled')).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+$/), expect.anything()])
  })
})
