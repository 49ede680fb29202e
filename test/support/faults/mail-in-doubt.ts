import { expect } from 'vitest'
import type { SmtpMail } from '../../../stack/smtp-sink.ts'
import { setFaultScene, type FaultScene } from './fault-scene.ts'
import { guestsOf, signUp } from './guests.ts'
import type { RecordedDaemon } from './recorded-daemon.ts'

/** A fault scene with one mail, and daemons that are killed while they hand it over. */
export interface MailInDoubt extends AsyncDisposable {
  readonly scene: FaultScene
  /** Every copy that reached its final dot, oldest first. */
  readonly copies: readonly SmtpMail[]
  /** The first daemon, ready, and the event of the mail published. */
  begin(): Promise<RecordedDaemon>
  kill(daemon: RecordedDaemon): Promise<void>
  /** Kills `daemon` when the next mail reaches its final dot; the relay, which has the mail, never answers. */
  killAtTheDot(daemon: RecordedDaemon): Promise<void>
  verdict(): Promise<void>
  /** What the mail's row says. */
  row(): Promise<{ readonly state: string; readonly reason: string | null; readonly ambiguous: number }>
}

/** @param settings of the daemons, beside a lease of two and a half seconds. */
export async function mailInDoubt(settings: Readonly<Record<string, string>> = {}): Promise<MailInDoubt> {
  const scene = await setFaultScene({
    scenario: expect.getState().currentTestName,
    partitions: 1,
    stories: 1,
    settings: { MAIL_DEADLINE_MS: '1000', LEASE_CHECK_MS: '200', ...settings },
  })
  const { smtp, sql } = scene.scene
  const [campaign] = scene.settings.flatMap(({ campaigns }) => campaigns)
  if (campaign === undefined) throw new Error('A story has campaigns.')
  const copies: SmtpMail[] = []
  smtp.onMail((mail) => copies.push(mail))

  const kill = (daemon: RecordedDaemon) =>
    scene.fault('a daemon is killed', ['daemon'], async () => {
      daemon.kill('SIGKILL')
      expect(await daemon.exited).toBe('SIGKILL')
    })

  return {
    scene,
    copies,
    kill,
    async begin() {
      const first = scene.daemon()
      await first.ready()
      await scene.play(guestsOf(scene)(campaign, 1).map(signUp))
      return first
    },
    async killAtTheDot(daemon) {
      smtp.respondWith((stage) => (stage === 'data' ? new Promise(() => undefined) : undefined))
      const dot = Promise.withResolvers<void>()
      const unlisten = smtp.onMail(() => dot.resolve())
      await dot.promise
      unlisten()
      await kill(daemon)
      smtp.respondWith(undefined)
    },
    async verdict() {
      await scene.verdict()
    },
    async row() {
      const rows = await sql.query<Awaited<ReturnType<MailInDoubt['row']>>>(
        `SELECT state, reason, ambiguous FROM worker.intents WHERE channel = 'email'`,
      )
      const [row] = rows
      if (row === undefined || rows.length > 1) throw new Error(`${rows.length} intents instead of the one mail`)
      return row
    },
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  }
}
