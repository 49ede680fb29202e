import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { importsOf, type Import } from './arrows.ts'
import { filesUnder } from './source-files.ts'

const sources = filesUnder(['src', 'cmd', 'config', 'stack', 'bench', 'test'], '.ts').filter(({ path }) => !path.endsWith('.d.ts'))
const imports = sources.flatMap(importsOf)

/** The rooms of ARCHITECTURE.md. */
const rooms = [
  ...['kafka', 'postgres', 'mail', 'http', 'registry', 'telemetry'].map((name) => `src/infra/${name}`),
  ...[
    'std',
    'events',
    'model',
    'ingest',
    'delivery',
    'leaderboard',
    'outbox',
    'consumers',
    'admin',
    'catalogue',
    'publisher',
    'daemon',
    'supervisor',
  ].map((name) => `src/${name}`),
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
const room = (name: string): Allowed => ({ to: new RegExp(`^${name}/`), as: 'value' })
const typesOf = (name: string): Allowed => ({ to: new RegExp(`^${name}/`), as: 'type' })
const types = (to: RegExp): Allowed => ({ to, as: 'type' })

const language = [room('src/std'), room('src/events'), room('src/model')]

/** What each room may import of the others; arrows that are not here do not exist. */
const arrows: Readonly<Record<string, readonly Allowed[]>> = {
  'src/std': [],
  'src/events': [room('src/std')],
  'src/model': [room('src/std'), room('src/events')],
  // Ingest and delivery never import each other; they meet in src/daemon/compose.
  'src/ingest': language,
  'src/delivery': language,
  // Its channel keeps the contract of every channel, and is defined as all are.
  'src/leaderboard': [...language, typesOf('src/delivery'), { to: /^src\/delivery\/define-channel\.ts$/, as: 'value' }],
  // Publishes what the platform wrote in its transactions, beside the path of an event.
  'src/outbox': language,
  'src/consumers': [
    ...language,
    // The message of a channel: the public part of its folder.
    types(/^src\/delivery\/\w+\/[\w-]+-message\.ts$/),
  ],
  // Plans and sentences of the operator's programs; what they say of progress and dead letters is what ingest knows, of topics the catalogue.
  'src/admin': [...language, room('src/ingest'), room('src/catalogue')],
  // Rules and documents of the events and of the groups that read them.
  'src/catalogue': [...language, room('src/ingest')],
  'src/infra/kafka': [...language, room('src/ingest'), typesOf('src/admin'), typesOf('src/outbox')],
  'src/infra/postgres': [...language, typesOf('src/ingest'), typesOf('src/delivery'), typesOf('src/admin')],
  'src/infra/mail': [room('src/std'), room('src/delivery')],
  'src/infra/http': [room('src/std'), typesOf('src/delivery'), typesOf('src/admin')],
  'src/infra/registry': [...language, typesOf('src/ingest')],
  'src/infra/telemetry': [...language, room('src/ingest')],
  // The package: what another service installs.
  'src/publisher': [
    room('src/std'),
    room('src/events'),
    {
      to: /^src\/infra\/kafka\/(?:client\/(?:access|client-error|noted-faults)|patches\/broker-sockets|producer\/kafka-producer)\.ts$/,
      as: 'value',
    },
    { to: /^src\/infra\/registry\/registry-client\.ts$/, as: 'value' },
  ],
  // Starts the daemon's processes and loads nothing of theirs.
  'src/supervisor': [
    room('src/std'),
    { to: /^src\/infra\/http\/(?:health-server|get-text)\.ts$/, as: 'value' },
    { to: /^src\/daemon\/exit-code\.ts$/, as: 'value' },
    typesOf('src/infra/telemetry'),
  ],
  // Puts the rooms together.
  'src/daemon': [room('src'), typesOf('config')],
  config: [room('src/std')],
  stack: [],
  cmd: [room('src'), room('config'), { to: /^package\.json$/, as: 'value' }, room('stack')],
  // Measures the program from outside, on servers of its own.
  bench: [room('src'), room('stack')],
  test: [{ to: /./, as: 'value' }],
}

const packages: Readonly<Record<string, readonly string[]>> = {
  avsc: ['src/infra/registry'],
  kafkajs: ['src/infra/kafka'],
  'kafkajs-snappy': ['src/infra/kafka/patches'],
  'aws-msk-iam-sasl-signer-js': ['src/infra/kafka/client'],
  'lz4-napi': ['src/infra/kafka/patches'],
  // SQL is written in many rooms; the driver is seen in two.
  pg: ['src/infra/postgres/client', 'src/infra/postgres/schema'],
  postgrator: ['src/infra/postgres/schema'],
  nodemailer: ['src/infra/mail/smtp'],
  mustache: ['src/infra/mail/templates'],
  juice: ['src/infra/mail/templates'],
  undici: ['src/infra/http'],
  'ipaddr.js': ['src/infra/http'],
  pino: ['src/infra/telemetry'],
  'prom-client': ['src/infra/telemetry'],
  '@opentelemetry/api': ['src/infra/telemetry'],
  '@opentelemetry/sdk-trace': ['src/infra/telemetry'],
  '@opentelemetry/exporter-trace-otlp-http': ['src/infra/telemetry'],
  '@opentelemetry/resources': ['src/infra/telemetry'],
  typebox: ['src/events'],
  uuid: ['src/events'],
  'p-queue': ['src/daemon/compose', 'src/infra/kafka/producer'],
  'rate-limiter-flexible': ['src/delivery'],
  yaml: ['cmd/catalogue', 'test'],
  commander: ['cmd'],
  rolldown: ['cmd/package'],
  'rolldown-plugin-dts': ['cmd/package'],
  'log-update': ['cmd'],
  'postal-mime': ['cmd'],
}

const described = ({ from, to, typeOnly }: Import) => `${from} -> ${to}${typeOnly ? ' (type)' : ''}`

describe('arrows between rooms', () => {
  it('are found at all', () => {
    expect(imports.length).toBeGreaterThan(500)
    const sample = `import a, { type B } from './b.ts'\nimport { type C, type D } from '../c.ts'\nimport type E from 'e/deep'\nexport * from '@f/g/h'\nimport './i.ts'\nawait import('./j.ts')\nimport fs from 'node:fs'\n`
    expect(importsOf({ path: 'src/ingest/a.ts', text: sample }).map(described)).toEqual([
      'src/ingest/a.ts -> src/ingest/b.ts',
      'src/ingest/a.ts -> src/c.ts (type)',
      'src/ingest/a.ts -> e (type)',
      'src/ingest/a.ts -> @f/g',
      'src/ingest/a.ts -> src/ingest/i.ts',
      'src/ingest/a.ts -> src/ingest/j.ts',
    ])
  })

  it.each(Object.entries(arrows))('%s imports what it may', (room, allowed) => {
    const strange = imports.filter(({ from, to, kind, typeOnly }) => {
      if (kind !== 'file' || roomOf(from) !== room || roomOf(to) === room) return false
      return !allowed.some((one) => one.to.test(to) && (one.as === 'value' || typeOnly))
    })
    expect(strange.map(described)).toEqual([])
  })

  it('leave the checker of histories alone with itself: what it judges shares no line with it', () => {
    const own = imports.filter(({ from }) => from.startsWith('test/invariants/'))
    expect(own.length).toBeGreaterThan(20)
    expect(own.filter(({ to }) => !to.startsWith('test/invariants/')).map(described)).toEqual([])
  })

  it('leave the programs that run in production without the local stack', () => {
    const strange = imports.filter(
      ({ from, to }) => /^cmd\/(kafka-worker|workerctl)\//.test(from) && /^(stack|bench|test|cmd\/demo)\//.test(to),
    )
    expect(strange.map(described)).toEqual([])
  })

  it('keep the supervisor small: beside its own room it loads the reader of variables, the log and the HTTP server', () => {
    const path = 'cmd/kafka-worker/supervise.mts'
    // Only static imports: the daemon is loaded in place of the supervisor, where there is one process.
    const first = importsOf({ path, text: readFileSync(path, 'utf8').replaceAll(/import\([^)]*\)/g, '') })
    const next = Map.groupBy(imports, ({ from }) => from)
    const loaded = new Set<string>()
    const load = ({ to, kind, typeOnly }: Import): void => {
      if (typeOnly || loaded.has(to)) return
      loaded.add(to)
      if (kind === 'file') for (const more of next.get(to) ?? []) load(more)
    }
    for (const one of first) load(one)
    const own = /^(?:src\/(?:std|supervisor)|config)\/|^cmd\/kafka-worker\/signals\.mts$/
    expect(loaded.size).toBeGreaterThan(20)
    expect([...loaded].filter((to) => !own.test(to)).toSorted()).toEqual([
      'pino',
      'src/daemon/exit-code.ts',
      'src/infra/http/admin-routes.ts',
      'src/infra/http/bearer-guard.ts',
      'src/infra/http/get-text.ts',
      'src/infra/http/health-server.ts',
      'src/infra/http/small-request.ts',
      'src/infra/telemetry/log-destination.ts',
      'src/infra/telemetry/log.ts',
    ])
  })

  it('have a rule for every room there is', () => {
    expect(new Set(sources.map(({ path }) => roomOf(path)))).toEqual(new Set(Object.keys(arrows)))
  })
})

describe('circles', () => {
  const program = imports.filter(({ from, kind }) => kind === 'file' && /^(src|cmd|config)\//.test(from))

  it('do not exist, not even between types', () => {
    const next = Map.groupBy(program, ({ from }) => from)
    const circles: string[] = []
    const done = new Set<string>()
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      if (trail.includes(path) || done.has(path)) return
      for (const { to } of next.get(path) ?? []) visit(to, [...trail, path])
      done.add(path)
    }
    for (const path of next.keys()) visit(path, [])
    expect(circles).toEqual([])
  })
})

describe('files', () => {
  const program = filesUnder(['src', 'cmd', 'config'], 'ts').map(({ path }) => path)

  it('stand in rooms: nothing but folders directly in src', () => {
    expect(program.filter((path) => /^src\/[^/]+$/.test(path))).toEqual([])
  })

  it('have names of their own', () => {
    const sameName = Map.groupBy(program, (path) => path.slice(path.lastIndexOf('/') + 1))
    sameName.delete('main.ts')
    sameName.delete('run.ts')
    expect([...sameName.values()].filter((paths) => paths.length > 1)).toEqual([])
  })
})

describe('packages', () => {
  it('are seen in one place each', () => {
    const production = imports.filter(({ from, kind }) => kind === 'package' && /^(src|cmd|config)\//.test(from))
    const strange = production.filter(({ from, to }) => !(packages[to] ?? []).some((place) => from.startsWith(`${place}/`)))
    expect(strange.map(described)).toEqual([])
  })
})

describe('the environment', () => {
  it('is read in one file of src and config', () => {
    const readers = sources.filter(({ path, text }) => /^(src|config)\//.test(path) && /\bprocess\s*\.\s*env\b|\bprocess\s*\[/.test(text))
    expect(readers.map(({ path }) => path)).toEqual(['config/environment.ts'])
  })
})
