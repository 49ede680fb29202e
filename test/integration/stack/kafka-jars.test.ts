import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startKafka } from '../../../stack/kafka-broker.ts'
import { kafkaJars } from '../../../stack/kafka-jars.ts'

test('a missing Java is reported in one sentence that names what to install', async () => {
  vi.stubEnv('JAVA_HOME', '')
  vi.stubEnv('PATH', await emptyFolder())
  onTestFinished(() => void vi.unstubAllEnvs())
  await expect(startKafka()).rejects.toThrow(/^Java in PATH was not found: install a Java runtime 17 or newer \(a JDK or JRE\)\.$/)
})

test('an old Java is named with its version', async () => {
  await command('java', `echo 'openjdk version "11.0.2" 2019-01-15' >&2`)
  vi.stubEnv('JAVA_HOME', '')
  await expect(startKafka()).rejects.toThrow(/^Java in PATH is version 11, but the local Kafka broker needs 17 or newer: install .*\.$/)
})

test('a missing Maven is reported in one sentence that names what to install, and only when jars have to be downloaded', async () => {
  const cacheFolder = await emptyFolder()
  vi.stubEnv('PATH', await emptyFolder())
  onTestFinished(() => void vi.unstubAllEnvs())
  await expect(kafkaJars({ version: '1', cacheFolder })).rejects.toThrow(
    /^Maven \(mvn\) in PATH was not found: install Apache Maven 3\.6\.3 or newer, needed once to fetch the Kafka broker\.$/,
  )
  await mkdir(join(cacheFolder, '1', 'libs'), { recursive: true })
  expect(await kafkaJars({ version: '1', cacheFolder })).toBe(join(cacheFolder, '1', 'libs'))
})

test('an old Maven is named', async () => {
  await command('mvn', `echo 'Apache Maven 3.5.4'`)
  await expect(kafkaJars({ version: '1', cacheFolder: await emptyFolder() })).rejects.toThrow(/older than 3\.6\.3/)
})

test('a failed download reports the reason and leaves no folder that looks complete', async () => {
  await command('mvn', `[ "$1" = -v ] && echo 'Apache Maven 3.9.0' && exit; echo '[ERROR] no such artifact'; exit 1`)
  const cacheFolder = await emptyFolder()
  await expect(kafkaJars({ version: '0.0.1', cacheFolder })).rejects.toThrow(
    /^Maven could not fetch Kafka 0\.0\.1: no such artifact; check the network/,
  )
  expect(await readdir(join(cacheFolder, '0.0.1'))).toEqual([])
})

test('a missing network is reported, instead of the plugin that Maven lacks because of it', async () => {
  const log = `[WARNING] Could not transfer metadata x from/to central (https://repo.example.com): Connection refused
[ERROR] No plugin found for prefix 'dependency'`
  await command('mvn', `[ "$1" = -v ] && echo 'Apache Maven 3.9.0' && exit; echo "${log}"; exit 1`)
  await expect(kafkaJars({ version: '4', cacheFolder: await emptyFolder() })).rejects.toThrow(
    'Maven could not fetch Kafka 4: Could not transfer metadata x from/to central (https://repo.example.com): Connection refused; check the network',
  )
})

test('concurrent callers share one download, and progress counts its jars', async () => {
  const runs = join(await emptyFolder(), 'runs')
  await command(
    'mvn',
    `[ "$1" = -v ] && echo 'Apache Maven 3.9.0' && exit
    echo run >> ${runs}
    for option; do case "$option" in -DoutputDirectory=*) to="\${option#-DoutputDirectory=}";; esac; done
    echo 'Downloaded from x: y/one.jar (1.5 MB at 3 MB/s)'
    sleep 1.2
    touch "$to/one.jar"`,
  )
  const cacheFolder = await emptyFolder()
  const progress: string[] = []
  const fetch = async () => kafkaJars({ version: '2', cacheFolder, onProgress: (line) => progress.push(line) })
  expect(new Set(await Promise.all([fetch(), fetch(), fetch()]))).toEqual(new Set([join(cacheFolder, '2', 'libs')]))
  expect(await readFile(runs, 'utf8')).toBe('run\n')
  expect(await readdir(join(cacheFolder, '2'))).toEqual(['libs'])
  expect(await readdir(join(cacheFolder, '2', 'libs'))).toEqual(['one.jar'])
  expect(progress.slice(0, 3).toSorted()).toEqual([
    'Kafka 2: downloading the broker with Maven, about 60 MB, this time only',
    'Kafka 2: waiting for another process that downloads it',
    'Kafka 2: waiting for another process that downloads it',
  ])
  expect(progress).toContain('Kafka 2: downloaded 1.5 of about 60 MB, 1 files')
  expect(progress.at(-1)).toMatch(/^Kafka 2: 1 jars kept in /)
})

test('the lock of a dead process does not block', async () => {
  await command('mvn', `[ "$1" = -v ] && echo 'Apache Maven 3.9.0' && exit; echo '[ERROR] reached'; exit 1`)
  const cacheFolder = await emptyFolder()
  await mkdir(join(cacheFolder, '3'))
  await writeFile(join(cacheFolder, '3', 'lock'), JSON.stringify({ pid: process.pid, started: 'before me' }))
  await expect(kafkaJars({ version: '3', cacheFolder })).rejects.toThrow(/reached/)
})

/** Puts a shell script of this name before everything else in PATH. */
async function command(name: string, script: string): Promise<void> {
  const folder = await emptyFolder()
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`)
  onTestFinished(() => void vi.unstubAllEnvs())
}

async function emptyFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'stack-test-'))
  onTestFinished(async () => rm(path, { recursive: true, force: true }))
  return path
}
