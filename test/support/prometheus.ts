import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parse, stringify } from 'yaml'
import { freePorts } from '../../stack/free-port.ts'
import { guard } from '../../stack/guard.ts'
import { identifyProcess } from '../../stack/process-identity.ts'
import { eventually } from './eventually.ts'

/** What a tool of Prometheus made of its input: its exit code, and everything that it wrote. */
export interface ToolResult {
  readonly code: number | null
  readonly output: string
}

/** Runs Prometheus's own tool. @throws when it is not installed; the sentence says how to install it */
export async function promtool(args: readonly string[], input = ''): Promise<ToolResult> {
  const child = spawn('promtool', args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const closed = once(child, 'close').catch(notInstalled)
  // The tool may end before it has read everything.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  return { code: child.exitCode, output: `${out}${err}` }
}

function notInstalled(error: unknown): never {
  throw new Error('Prometheus and its promtool are needed in PATH; Debian has them as a package: apt-get install prometheus.', {
    cause: error,
  })
}

interface Rule {
  readonly alert: string
  expr: string
  for?: string
}

/** The rules of the repository. */
export async function readRules(): Promise<{ readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[] }> {
  return parse(await readFile('config/prometheus/alerts.yml', 'utf8'))
}

/** The same rules with each minute that they wait for, or look back, shortened to a second; the bounds of values stay. */
export async function rulesInSeconds(): Promise<string> {
  const file = await readRules()
  for (const rule of file.groups.flatMap(({ rules }) => rules)) {
    if (rule.for !== undefined) rule.for = inSeconds(rule.for)
    rule.expr = rule.expr.replaceAll(/(?<=\[|\boffset )\d+[smhd]/g, inSeconds)
  }
  return stringify(file)
}

const secondsPer = new Map([
  ['s', 1],
  ['m', 1],
  ['h', 60],
  ['d', 1440],
])

function inSeconds(duration: string): string {
  const [, count = '', unit = ''] = /^(\d+)([smhd])$/.exec(duration) ?? []
  const seconds = secondsPer.get(unit)
  if (seconds === undefined) throw new Error(`${duration} is no duration with one unit.`)
  return `${Number(count) * seconds}s`
}

export interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** A Prometheus as a process of its own, which scrapes one address every second under our configuration and {@link rulesInSeconds}. */
export interface Prometheus extends AsyncDisposable {
  /** The alerts of this name that fire now. */
  firing(alert: string): Promise<readonly FiringAlert[]>
  /** What its HTTP interface answers, the part under `data`. */
  query<Data>(path: string): Promise<Data>
}

/** @throws when it is not installed; the sentence says how to install it */
export async function startPrometheus(target: string): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-worker-prometheus-'))
  await mkdir(join(folder, 'data'))
  const config = parse(await readFile('config/prometheus/prometheus.yml', 'utf8'))
  const [{ dns_sd_configs: _, ...job }] = config.scrape_configs
  const global = { scrape_interval: '1s', evaluation_interval: '1s' }
  const scrape_configs = [{ ...job, static_configs: [{ targets: [target] }] }]
  await writeFile(join(folder, 'prometheus.yml'), stringify({ ...config, global, scrape_configs }))
  await writeFile(join(folder, 'alerts.yml'), await rulesInSeconds())
  const [port = 0] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const args = [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ]
  const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  let said = ''
  child.stderr.on('data', (part: Buffer) => (said += String(part)))
  await once(child, 'spawn').catch(notInstalled)
  const exited = once(child, 'exit')
  const identity = child.pid === undefined ? undefined : identifyProcess(child.pid)
  const release = identity === undefined ? () => undefined : guard({ kind: 'process', process: identity, signal: 'SIGKILL' })

  async function query<Data>(path: string): Promise<Data> {
    const response = await fetch(`${url}/api/v1/${path}`)
    const { data }: { data: Data } = JSON.parse(await response.text())
    return data
  }

  await eventually('Prometheus is ready', async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended with ${child.exitCode}: ${said}`)
    return (await fetch(`${url}/-/ready`)).ok || 'not yet'
  })
  return {
    query,
    firing: async (alert) => {
      const { alerts } = await query<{ alerts: readonly (FiringAlert & { state: string })[] }>('alerts')
      return alerts.filter(({ labels, state }) => labels['alertname'] === alert && state === 'firing')
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
      release()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
