import { expect } from 'vitest'
import { Platform } from './platform.ts'
import type { Daemon } from './daemon.ts'
import { setScene, type Scene } from './scene.ts'

/** A scene with one mail, and daemons that are killed while they hand it over. */
export interface MailInDoubt extends AsyncDisposable {
  readonly scene: Scene
  /** The first daemon, ready, and the event of the mail published. */
  begin(): Promise<Daemon>
  /** One more daemon; it need not be ready to carry the mail out. */
  daemon(): Daemon
  kill(daemon: Daemon): Promise<void>
  /** Kills `daemon` when the next mail reaches its final dot; the relay, which has the mail, never answers. */
  killAtTheDot(daemon: Daemon): Promise<void>
  /** What the mail's row says. */
  row(): Promise<{ readonly state: string; readonly reason: string | null; readonly ambiguous: number }>
}

/** @param variables of the daemons, beside a lease of two seconds and the shortest session that Kafka grants. */
export async function mailInDoubt(variables: Readonly<Record<string, string>> = {}): Promise<MailInDoubt> {
  const scene = await setScene({ partitions: 1 })
  const platform = new Platform(scene.sql)
  const daemon = () =>
    scene.daemon({
      KAFKA_GROUPS: 'email-workers',
      KAFKA_SESSION_TIMEOUT_MS: '6000',
      MAIL_DEADLINE_MS: '1000',
      LEASE_CHECK_MS: '200',
      ...variables,
    })

  return {
    scene,
    daemon,
    kill,
    async begin() {
      const first = daemon()
      await first.ready()
      const campaign = await platform.campaign()
      await scene.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
      return first
    },
    async killAtTheDot(one) {
      scene.smtp.respondWith((stage) => (stage === 'data' ? new Promise(() => undefined) : undefined))
      const dot = Promise.withResolvers<void>()
      const unlisten = scene.smtp.onMail(() => dot.resolve())
      await dot.promise
      unlisten()
      await kill(one)
      scene.smtp.respondWith(undefined)
    },
    async row() {
      const rows = await scene.sql.query<Awaited<ReturnType<MailInDoubt['row']>>>('SELECT state, reason, ambiguous FROM worker.intents')
      const [row] = rows
      if (row === undefined || rows.length > 1) throw new Error(`${rows.length} intents instead of the one mail`)
      return row
    },
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  }
}

async function kill(daemon: Daemon): Promise<void> {
  daemon.kill('SIGKILL')
  expect(await daemon.exited).toBe('SIGKILL')
}
