import { runWorkerctl, type Ran } from '../integration/workerctl-scene.ts'
import type { Scene } from './scene.ts'

/** The commands that a sentence of ours prints, as an operator would copy them: what follows `npm run workerctl --`, a line each. */
export function printedCommands(sentence: string): readonly string[] {
  return [...sentence.matchAll(/npm run workerctl -- ([^&;)"]+)/g)].map(([, command]) => (command ?? '').replace(/[\s.]+$/, ''))
}

/** Runs a printed command literally, at a terminal where somebody answers `yes`. */
export async function runPrinted(scene: Pick<Scene, 'variables'>, command: string): Promise<Ran> {
  return runWorkerctl(command.split(/\s+/), scene.variables, 'yes')
}
