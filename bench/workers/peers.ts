import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { InvalidArgumentError } from 'commander'
import { messageOf, OperatorError } from '../../src/std/failure.ts'

const run = promisify(execFile)

/** The Go programs, built. */
export interface Peers {
  readonly kafkaGo: string
  readonly franzGo: string
}

/** Why there are no Go workers to measure, in one sentence. */
export interface NoPeers {
  readonly skipped: string
}

/** The folder, if it has the sources. @throws {InvalidArgumentError} it has not */
export function peersIn(folder: string): string {
  for (const name of sources)
    if (!existsSync(path.join(folder, name)))
      throw new InvalidArgumentError(`It has no folder ${name}: give the one that has ${sources.join(' and ')}.`)
  return folder
}

const sources = ['kafka-go', 'franz-go']

/**
 * Builds the Go workers of a folder that holds them as `kafka-go` and `franz-go`.
 *
 * @throws {OperatorError} they do not build
 */
export async function buildPeers(folder: string | undefined, into: string): Promise<Peers | NoPeers> {
  if (folder === undefined) return { skipped: 'The Go workers are left out: --peers names the folder with their sources.' }
  const isInstalled = await run('go', ['version']).then(
    () => true,
    () => false,
  )
  if (!isInstalled) return { skipped: 'The Go workers are left out: Go is not installed.' }
  try {
    await run('go', ['build', '-C', path.resolve(folder), '-o', `${into}/`, './kafka-go', './franz-go'])
  } catch (error) {
    throw new OperatorError(`The Go workers in ${folder} do not build: ${messageOf(error)}`)
  }
  return { kafkaGo: path.join(into, 'kafka-go'), franzGo: path.join(into, 'franz-go') }
}
