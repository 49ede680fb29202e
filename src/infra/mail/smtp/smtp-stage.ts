import type { SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import type { ConnectStage, SendStage } from '../../../delivery/email/mail-relay.ts'

/**
 * The stage of a connection, read from nodemailer's log of the conversation, its only source. With PIPELINING several commands are in
 * flight at once, and the missing reply is that to the first. Of a command only its first word
 * is looked at, of a reply only what it offers; no line is kept.
 */
export class SmtpStages {
  /** The relay offers SMTPUTF8 (RFC 6531), by its newest EHLO reply. */
  smtpUtf8 = false
  /** To be spread into the options of a connection. */
  readonly options: Pick<SMTPConnectionOptions, 'logger' | 'transactionLog'>
  #awaited: (ConnectStage | SendStage)[] = []
  #between: ConnectStage | null = 'connect'

  constructor() {
    const onLine = (entry: unknown, message: unknown) => this.#onLine(tagOf(entry), String(message))
    const logger = { level: ignore, trace: ignore, debug: onLine, info: onLine, warn: ignore, error: ignore, fatal: ignore }
    this.options = { transactionLog: true, logger }
  }

  /** While a connection is opened. */
  get opening(): ConnectStage {
    const stage = this.#awaited[0] ?? this.#between ?? 'greeting'
    return isSend(stage) ? 'ehlo' : stage
  }

  /** While a mail is sent. @param exhausted its end was read. */
  sending(exhausted: boolean): SendStage {
    const stage = this.#awaited[0]
    if (stage !== undefined) return isSend(stage) ? stage : 'mail'
    return exhausted ? 'final-reply' : 'body'
  }

  #onLine(tag: string, message: string): void {
    if (tag === 'network' && this.#between === 'connect' && message.includes('established')) {
      this.#between = null
      this.#awaited = ['greeting']
    } else if (tag === 'client') {
      this.#between = null
      this.#awaited.push(stageOf(message) ?? 'auth')
    } else if (tag === 'server') {
      const answered = this.#awaited.shift()
      if (answered === 'tls') this.#between = 'tls'
      if (answered === 'ehlo') this.smtpUtf8 = /^250[ -]SMTPUTF8\b/im.test(message)
    }
  }
}

function ignore(): void {}

const stages: Readonly<Record<string, ConnectStage | SendStage>> = {
  EHLO: 'ehlo',
  HELO: 'ehlo',
  STARTTLS: 'tls',
  AUTH: 'auth',
  MAIL: 'mail',
  RCPT: 'rcpt',
  DATA: 'data',
  // Their answers have deadlines of their own, which need no stage.
  RSET: 'mail',
  QUIT: 'mail',
}

/** Null for a line that is not a command, as in a login. */
function stageOf(line: string): ConnectStage | SendStage | null {
  return stages[/^[A-Z]+/.exec(line)?.[0] ?? ''] ?? null
}

const sendStages: ReadonlySet<string> = new Set<SendStage>(['mail', 'rcpt', 'data', 'body', 'final-reply'])

function isSend(stage: ConnectStage | SendStage): stage is SendStage {
  return sendStages.has(stage)
}

function tagOf(entry: unknown): string {
  return typeof entry === 'object' && entry !== null && 'tnx' in entry ? String(entry.tnx) : ''
}
