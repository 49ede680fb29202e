import { describe, expect, it } from 'vitest'
import { importsOf, type Import } from './arrows.ts'
import { filesUnder } from './source-files.ts'

const sources = filesUnder(['src', 'cmd', 'config', 'stack', 'bench', 'test'], '.ts').filter(({ path }) => !path.endsWith('.d.ts'))
const imports = sources.flatMap(importsOf)

/** The rooms of architecture.md, narrowest first. */
const rooms = [
  ...['kafka', 'postgres', 'mail', 'http', 'telemetry'].map((name) => `src/infra/${name}`),
  ...['events', 'worker', 'consumers', 'delivery', 'operator', 'std'].map((name) => `src/${name}`),
  'src',
  'cmd',
  'config',
  'stack',
  'bench',
  'test',
]
const roomOf = (path: string) => rooms.find((room) => path.startsWith(`${room}/`)) ?? 'root'

/** `type`: only as a type, gone when the program runs. */
interface Allowed {
  readonly to: RegExp
  readonly as: 'value' | 'type'
}
const value = (to: RegExp): Allowed => ({ to, as: 'value' })
const type = (to: RegExp): Allowed => ({ to, as: 'type' })

const drafts = /^src\/delivery\/(intent|kind)\.ts$/
const infra = [value(/^src\/std\//), value(/^src\/worker\//), value(/^src\/delivery\//), value(/^src\/events\//), type(/^src\/operator\//)]

/** What each room may import of the others; arrows that are not here do not exist. */
const arrows: Readonly<Record<string, readonly Allowed[]>> = {
  'src/std': [],
  'src/events': [value(/^src\/std\//)],
  'src/worker': [value(/^src\/std\//), value(/^src\/events\//), type(drafts)],
  'src/consumers': [
    value(/^src\/std\//),
    value(/^src\/events\//),
    type(/^src\/worker\/consumer\.ts$/),
    type(drafts),
    type(/^src\/delivery\/\w+\/[\w-]+-message\.ts$/),
    type(/^src\/delivery\/email\/mail-template\.ts$/),
    // A pure function over the webhook message: how long the endpoint's owner lets a delivery be retried.
    value(/^src\/delivery\/webhook\/webhook-schedule\.ts$/),
  ],
  'src/delivery': [
    value(/^src\/std\//),
    type(/^src\/worker\/(fact|accept-store|backpressure)\.ts$/),
    // The one place that decides whose fault something is, and the words for it.
    value(/^src\/worker\/whose-fault\.ts$/),
  ],
  // Pure plans and sentences of the operator's programs; the ports are the worker's.
  'src/operator': [
    value(/^src\/std\//),
    // What a fact is called, and how it is told again.
    value(/^src\/events\//),
    type(/^src\/worker\//),
    value(/^src\/worker\/(dead-letter|log-faults)\.ts$/),
    type(drafts),
  ],
  'src/infra/kafka': infra,
  'src/infra/postgres': infra,
  'src/infra/mail': infra,
  'src/infra/http': infra,
  'src/infra/telemetry': infra,
  // The files directly in src put the rooms together.
  src: [value(/^src\//), type(/^config\//)],
  config: [value(/^src\/std\//)],
  stack: [],
  cmd: [value(/^src\//), value(/^config\//), value(/^package\.json$/), value(/^stack\//)],
  // Measures the program from outside, on servers of its own.
  bench: [value(/^src\//), value(/^stack\//)],
  test: [value(/./)],
}

const packages: Readonly<Record<string, readonly string[]>> = {
  kafkajs: ['src/infra/kafka'],
  'kafkajs-snappy': ['src/infra/kafka'],
  'lz4-napi': ['src/infra/kafka'],
  pg: ['src/infra/postgres'],
  postgrator: ['src/infra/postgres'],
  nodemailer: ['src/infra/mail'],
  mustache: ['src/infra/mail'],
  juice: ['src/infra/mail'],
  undici: ['src/infra/http'],
  'ipaddr.js': ['src/infra/http'],
  pino: ['src/infra/telemetry'],
  'prom-client': ['src/infra/telemetry'],
  typebox: ['src/events'],
  uuid: ['src/events'],
  'p-queue': ['src'],
  cockatiel: ['src/delivery'],
  'rate-limiter-flexible': ['src/delivery'],
  commander: ['cmd'],
  'log-update': ['cmd'],
  'postal-mime': ['cmd'],
}

const told = ({ from, to, typeOnly }: Import) => `${from} -> ${to}${typeOnly ? ' (type)' : ''}`

describe('arrows between rooms', () => {
  it('are found at all', () => {
    expect(imports.length).toBeGreaterThan(500)
    const sample = `import a, { type B } from './b.ts'\nimport { type C, type D } from '../c.ts'\nimport type E from 'e/deep'\nexport * from '@f/g/h'\nimport './i.ts'\nawait import('./j.ts')\nimport fs from 'node:fs'\n`
    expect(importsOf({ path: 'src/worker/a.ts', text: sample }).map(told)).toEqual([
      'src/worker/a.ts -> src/worker/b.ts',
      'src/worker/a.ts -> src/c.ts (type)',
      'src/worker/a.ts -> e (type)',
      'src/worker/a.ts -> @f/g',
      'src/worker/a.ts -> src/worker/i.ts',
      'src/worker/a.ts -> src/worker/j.ts',
    ])
  })

  it.each(Object.entries(arrows))('%s imports what it may', (room, allowed) => {
    const strange = imports.filter(({ from, to, kind, typeOnly }) => {
      if (kind !== 'file' || roomOf(from) !== room || roomOf(to) === room) return false
      return !allowed.some((one) => one.to.test(to) && (one.as === 'value' || typeOnly))
    })
    expect(strange.map(told)).toEqual([])
  })

  it('leave the checker of histories alone with itself: what it judges shares no line with it', () => {
    const own = imports.filter(({ from }) => from.startsWith('test/invariants/'))
    expect(own.length).toBeGreaterThan(20)
    expect(own.filter(({ to }) => !to.startsWith('test/invariants/')).map(told)).toEqual([])
  })

  it('leave the programs that run in production without the local stack', () => {
    const strange = imports.filter(
      ({ from, to }) => /^cmd\/(kafka-worker|workerctl)\//.test(from) && /^(stack|bench|test|cmd\/demo)\//.test(to),
    )
    expect(strange.map(told)).toEqual([])
  })

  it('have a rule for every room there is', () => {
    expect(new Set(sources.map(({ path }) => roomOf(path)))).toEqual(new Set(Object.keys(arrows)))
  })
})

describe('packages', () => {
  it('live in one room each', () => {
    const production = imports.filter(({ from, kind }) => kind === 'package' && /^(src|cmd|config)\//.test(from))
    const strange = production.filter(({ from, to }) => !(packages[to] ?? []).includes(roomOf(from)))
    expect(strange.map(told)).toEqual([])
  })

  it('are pulled from the queue only where a group is put together', () => {
    const strange = imports.filter(({ from, to }) => to === 'p-queue' && roomOf(from) === 'src' && from !== 'src/daemon/compose/groups.ts')
    expect(strange.map(told)).toEqual([])
  })
})

describe('the environment', () => {
  it('is read in one file of src and config', () => {
    const readers = sources.filter(({ path, text }) => /^(src|config)\//.test(path) && /\bprocess\s*\.\s*env\b|\bprocess\s*\[/.test(text))
    expect(readers.map(({ path }) => path)).toEqual(['config/environment.ts'])
  })
})
