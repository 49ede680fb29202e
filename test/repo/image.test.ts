import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { variables } from '../../config/variables.ts'
import packageJson from '../../package.json' with { type: 'json' }
import lock from '../../package-lock.json' with { type: 'json' }
import { copied, execForm, instructionsOf, isInContext, pairs, readDockerfile } from '../support/dockerfile.ts'
import { files } from './source-files.ts'

const stages = readDockerfile()
const image = stages.at(-1)
const only = (keyword: string) => {
  const found = instructionsOf(image, keyword)
  expect(found).toHaveLength(1)
  return found[0] ?? { text: '', flags: new Map<string, string>() }
}

describe('Dockerfile', () => {
  it('stands on the Node of .node-version, pinned', () => {
    const version = readFileSync('.node-version', 'utf8').trim()
    expect(stages.length).toBeGreaterThan(1)
    expect(new Set(stages.map((stage) => stage.image))).toEqual(new Set([`node:${version}-bookworm-slim`]))
  })

  it('runs what npm start runs, without a shell', () => {
    expect(execForm(only('ENTRYPOINT').text).join(' ')).toBe(packageJson.scripts.start)
    expect(instructionsOf(image, 'CMD')).toEqual([])
    const runs = stages.flatMap((stage) => instructionsOf(stage, 'RUN'))
    expect(runs.map(({ text }) => execForm(text)[0])).toEqual(['npm'])
  })

  it('runs as a numeric user that is not root, and stops by SIGTERM', () => {
    expect(only('USER').text).toMatch(/^[1-9]\d{3,}:[1-9]\d{3,}$/)
    expect(only('STOPSIGNAL').text).toBe('SIGTERM')
  })

  it('checks its health by the program itself', () => {
    const { text, flags } = only('HEALTHCHECK')
    const entry = execForm(only('ENTRYPOINT').text)
    expect(execForm(text.replace(/^CMD /, ''))).toEqual(['node', entry.at(-1), 'healthcheck', '--live'])
    // The verb gives up by itself after 2.5 s, and a start has BOOT_TIMEOUT_MS.
    expect(seconds(flags.get('timeout'))).toBeGreaterThanOrEqual(4)
    expect(seconds(flags.get('start-period')) * 1000).toBeGreaterThan(Number(variables.BOOT_TIMEOUT_MS.default))
  })

  it('exposes the port that the program listens on, on every interface', () => {
    expect(only('EXPOSE').text).toBe(variables.HTTP_PORT.default)
    expect(variables.HTTP_HOST.default).toBe('0.0.0.0')
  })

  it('sets no variable of the worker, and says what it is', () => {
    const set = instructionsOf(image, 'ENV').flatMap(({ text }) => [...pairs(text).keys()])
    expect(set).toEqual(['NODE_ENV'])
    const labels = pairs(only('LABEL').text)
    expect(labels.get('org.opencontainers.image.title')).toBe(packageJson.name)
    expect(labels.get('org.opencontainers.image.version')).toBe(packageJson.version)
    expect(labels.get('org.opencontainers.image.licenses')).toBe(packageJson.license)
  })

  it('needs no install script, which --ignore-scripts would leave out', () => {
    const scripted = Object.entries(lock.packages).filter(([, entry]) => 'hasInstallScript' in entry && !('dev' in entry))
    expect(scripted.map(([name]) => name)).toEqual([])
  })
})

describe('what the image holds', () => {
  const held = [...copied(image, files).keys()]

  it('is the program and nothing else', () => {
    const program = files.filter((path) => /^(?:src|cmd\/kafka-worker|cmd\/workerctl)\/|^config\/[^/]+\.ts$/.test(path))
    expect(new Set(held)).toEqual(new Set([...program, 'package.json', 'LICENSE']))
  })

  it('is all that .dockerignore lets in, but for what only the install needs', () => {
    const context = files.filter(isInContext)
    expect(new Set(context)).toEqual(new Set([...held, 'package-lock.json', '.npmrc']))
    const installed = copied(stages[0], files)
    expect(new Set(installed.keys())).toEqual(new Set(['package.json', 'package-lock.json', '.npmrc']))
  })

  it('never is what a clone holds beside the repository', () => {
    const beside = ['node_modules/pg/package.json', '.git/config', '.cache/kafka/x.jar', '.env', 'worker.env', 'config/local.env']
    expect(beside.filter(isInContext)).toEqual([])
  })
})

function seconds(text = ''): number {
  return Number(/^(\d+)s$/.exec(text)?.[1])
}
