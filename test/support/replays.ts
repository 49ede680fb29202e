import { workerctlFor } from './workerctl-for.ts'
import { eventually } from './eventually.ts'
import type { Fixture } from './fixture.ts'

/** A replay as `replay show --json` prints it, as far as tests look at it. */
export interface ShownReplay {
  readonly state: string
  readonly detail: string | null
  readonly counts: readonly { readonly what: string; readonly count: number }[]
  readonly plan: { readonly counts: readonly object[]; readonly effects: number }
  readonly released: number
  readonly unfinished: number
  readonly differences: readonly object[]
  readonly ranges: readonly { readonly partition: number; readonly from: number; readonly to: number; readonly next: number }[]
  readonly audit: readonly { readonly action: string; readonly owner: string }[]
}

/** Orders a replay; returns its id. */
export async function replayed(fixture: Fixture, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await workerctlFor(fixture, 'replay', 'run', ...args, '--json')
  if (code !== 0) throw new Error(err)
  const { jobs }: { jobs: string[] } = JSON.parse(out)
  return jobs[0] ?? ''
}

export async function shownReplay(fixture: Fixture, id: string): Promise<ShownReplay> {
  const { code, out, err } = await workerctlFor(fixture, 'replay', 'show', id, '--json')
  if (code !== 0) throw new Error(err)
  const shown: ShownReplay = JSON.parse(out)
  return shown
}

/** Waits until the replay is in the state. */
export async function replayIs(fixture: Fixture, id: string, state: string, deadlineMs = 120_000): Promise<ShownReplay> {
  await eventually(
    `replay ${id} is ${state}`,
    async () => {
      const shown = await shownReplay(fixture, id)
      return shown.state === state ? true : `${shown.state}, released ${shown.released} (${shown.detail ?? 'no detail'})`
    },
    deadlineMs,
  )
  return shownReplay(fixture, id)
}
