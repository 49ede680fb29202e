import { expect } from 'vitest'
import type { SmtpMail } from '../../../stack/smtp-sink.ts'
import { createFaultFixture, type FaultFixture } from './fault-fixture.ts'
import { newUsersOf, signUp } from './new-users.ts'
import type { RecordedDaemon } from './recorded-daemon.ts'

/** A fault fixture with one mail, and daemons that are killed while they send it. */
export interface MailInDoubt extends AsyncDisposable {
  readonly fixture: FaultFixture
  /** Every copy that reached its final dot, oldest first. */
  readonly copies: readonly SmtpMail[]
  /** The first daemon, ready, and the event of the mail published. */
  begin(): Promise<RecordedDaemon>
  kill(daemon: RecordedDaemon): Promise<void>
  /** Kills `daemon` when the next mail reaches its final dot; the relay, which has the mail, never replies. */
  killAtFinalDot(daemon: RecordedDaemon): Promise<void>
  assertHistory(): Promise<void>
  /** The mail's row. */
  row(): Promise<{ readonly state: string; readonly reason: string | null; readonly ambiguous: number }>
}

/** @param settings of the daemons, beside a lease of two and a half seconds. */
export async function mailInDoubt(settings: Readonly<Record<string, string>> = {}): Promise<MailInDoubt> {
  const fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    partitions: 1,
    simulations: 1,
    variables: { MAIL_DEADLINE_MS: '1000', LEASE_CHECK_MS: '200', ...settings },
  })
  const { smtp, sql } = fixture.base
  const [campaign] = fixture.seedData.flatMap(({ campaigns }) => campaigns)
  if (campaign === undefined) throw new Error('A simulation has campaigns.')
  const copies: SmtpMail[] = []
  smtp.onMail((mail) => copies.push(mail))

  const kill = (daemon: RecordedDaemon) =>
    fixture.fault('a daemon is killed', ['daemon'], async () => {
      daemon.kill('SIGKILL')
      expect(await daemon.exited).toBe('SIGKILL')
    })

  return {
    fixture,
    copies,
    kill,
    async begin() {
      const first = fixture.daemon()
      await first.ready()
      await fixture.play(newUsersOf(fixture)(campaign, 1).map(signUp))
      return first
    },
    async killAtFinalDot(daemon) {
      smtp.respondWith((stage) => (stage === 'data' ? new Promise(() => undefined) : undefined))
      const finalDot = Promise.withResolvers<void>()
      const unlisten = smtp.onMail(() => finalDot.resolve())
      await finalDot.promise
      unlisten()
      await kill(daemon)
      smtp.respondWith(undefined)
    },
    async assertHistory() {
      await fixture.assertHistory()
    },
    async row() {
      const rows = await sql.query<Awaited<ReturnType<MailInDoubt['row']>>>(
        `SELECT state, reason, ambiguous FROM worker.intents WHERE channel = 'email'`,
      )
      const [row] = rows
      if (row === undefined || rows.length > 1) throw new Error(`${rows.length} intents instead of the one mail`)
      return row
    },
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  }
}
