import type { PauseAdmin } from '../../src/admin/pauses/pause-admin.ts'
import { createPauseAdmin } from '../../src/infra/postgres/admin/postgres-pause-admin.ts'
import type { Pause, PauseTarget } from '../../src/model/pause.ts'
import type { Daemon } from './daemon.ts'
import { eventually } from './eventually.ts'
import type { Fixture } from './fixture.ts'

/** The body of `/status`, as far as pauses are concerned. */
export interface PausedStatus {
  readonly pauses: readonly { readonly scope: string; readonly target: string; readonly owner: string }[]
  readonly quietSince: string | null
  readonly groups: Readonly<
    Record<
      string,
      { readonly paused: readonly string[]; readonly lag: number; readonly verdict: { readonly word: string; readonly sentence: string } }
    >
  >
}

export async function statusOf(daemon: Daemon): Promise<PausedStatus> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is in it is what tests ask
  return (await (await fetch(`${daemon.url()}/status`)).json()) as PausedStatus
}

/** Pauses of a fixture, as an operator sets and ends them. */
export function pausesOf(
  fixture: Pick<Fixture, 'sql' | 'transaction'>,
): Pick<PauseAdmin, 'end'> & { begin(target: PauseTarget, forMs?: number): Promise<Pause> } {
  const admin = createPauseAdmin(fixture)
  return {
    end: (target, by) => admin.end(target, by),
    begin: async (target, forMs) => (await admin.begin({ ...target, owner: 'ops', because: 'test', forMs: forMs ?? null }, false)).pause,
  }
}

/** Waits until the daemon follows so many pauses. */
export async function follows(daemon: Daemon, count: number): Promise<void> {
  await eventually(`${count} pauses are followed`, async () => {
    const { pauses } = await statusOf(daemon)
    return pauses.length === count || JSON.stringify(pauses)
  })
}
