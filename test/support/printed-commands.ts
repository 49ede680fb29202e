import { runWorkerctl, type Ran } from '../integration/workerctl-fixture.ts'
import type { Fixture } from './fixture.ts'

/** The commands that a sentence of ours prints, as an operator would copy them: what follows `npm run workerctl --`, a line each. */
export function printedCommands(sentence: string): readonly string[] {
  return [...sentence.matchAll(/npm run workerctl -- ([^&;)"]+)/g)].map(([, command]) => (command ?? '').replace(/[\s.]+$/, ''))
}

/** Runs a printed command literally, at a terminal where somebody answers `yes`. */
export async function runPrinted(fixture: Pick<Fixture, 'variables'>, command: string): Promise<Ran> {
  return runWorkerctl(command.split(/\s+/), fixture.variables, 'yes')
}
