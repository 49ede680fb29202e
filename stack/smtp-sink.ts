import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server'
import { SMTPServer } from 'smtp-server'
import type { Certificate } from './certificates.ts'
import { mailHeaders } from './mail-headers.ts'

export type SmtpMail = {
  /** Epoch milliseconds of the final dot. */
  readonly at: number
  /** With its angle brackets, empty when there is none. */
  readonly messageId: string
  /** The envelope's sender and recipients. */
  readonly from: string
  readonly recipients: readonly string[]
  /** Undecoded. */
  readonly subject: string
  /** The recorded headers by lower-case name, message-id and subject among them. */
  readonly headers: Readonly<Record<string, string>>
  /** Bytes of the message, dots unstuffed. */
  readonly size: number
  /** The message, when bodies are kept. */
  readonly raw?: Buffer
  /** The code answered to the final dot; absent while, and forever if, there is no answer. */
  reply?: number
}

/** `body` is the first byte after DATA, where only `drop` has an effect; `data` is the final dot. */
export type SmtpStage = 'connect' | 'auth' | 'mail' | 'rcpt' | 'body' | 'data'

/**
 * A reply instead of the usual one; with `drop` the connection is cut after it, or at once when there is no `code`. With `dripMs` it never
 * ends: a byte of one more line after each pause, for as long as the client listens (not over TLS).
 */
type SmtpReply = { readonly code?: number; readonly text?: string; readonly drop?: boolean; readonly dripMs?: number }

/**
 * Called at every stage; undefined means the usual reply. A promise that takes its time makes a slow server, one that never settles a hung
 * one.
 */
export type SmtpRespond = (
  stage: SmtpStage,
  about: { readonly address?: string; readonly mail?: SmtpMail },
) => SmtpAnswer | Promise<SmtpAnswer>
type SmtpAnswer = SmtpReply | undefined

export type SmtpSink = {
  /** `smtp://127.0.0.1:port` (`smtps://` where TLS comes first), with user and password when it requires them. */
  readonly url: string
  readonly port: number
  /** Every mail that reached its final dot, whatever was answered, oldest first; the newest `keepMails` of them. */
  readonly mails: readonly SmtpMail[]
  /** `secured` are mails that came over TLS, `logins` those that were tried. */
  readonly counters: {
    readonly connections: number
    readonly mails: number
    readonly accepted: number
    readonly secured: number
    readonly logins: number
  }
  /** Calls `listener` at every final dot, before the reply; the returned function ends that. */
  onMail(listener: (mail: SmtpMail) => void): () => void
  respondWith(respond: SmtpRespond | undefined): void
  /** Takes another password from now on and cuts all connections; the new URL, with the login. */
  changePassword(): string
  /** Cuts all connections and refuses new ones, until `resume` takes the same port again. */
  halt(): Promise<void>
  resume(): Promise<void>
  /** Closes the server and all connections. Idempotent. */
  stop(): Promise<void>
}

export type SmtpSinkOptions = {
  /** Require a login; a random password, or this one. */
  readonly auth?: boolean | { readonly user: string; readonly password: string }
  /** Offer STARTTLS with this certificate, and take no login before it; `immediate` speaks TLS from the first byte. */
  readonly tls?: Certificate & { readonly immediate?: boolean }
  readonly keepBodies?: boolean
  readonly keepMails?: number
  /** Lower-case names of headers to record besides message-id and subject. */
  readonly headers?: readonly string[]
  readonly respond?: SmtpRespond
}

/** A real SMTP server on 127.0.0.1 that takes every mail, remembers it, and misbehaves on demand. No MIME is parsed, so it keeps up. */
export async function startSmtpSink(options: SmtpSinkOptions = {}): Promise<SmtpSink> {
  let login = options.auth === true ? { user: 'sink', password: randomBytes(12).toString('base64url') } : options.auth || undefined
  const names = new Set(['message-id', 'subject', 'from', 'x-mail-type', ...(options.headers ?? [])])
  const { tls } = options
  const keepMails = options.keepMails ?? Infinity
  const mails: SmtpMail[] = []
  const counters = { connections: 0, mails: 0, accepted: 0, secured: 0, logins: 0 }
  const listeners = new Set<(mail: SmtpMail) => void>()
  const sockets = new Map<number, Socket>()
  let respond = options.respond
  let server: SMTPServer | undefined

  /** Resolves with the error that carries an unusual reply, with null for the usual one, never when the connection was cut instead. */
  const ask = (stage: SmtpStage, session: SMTPServerSession, about: Parameters<SmtpRespond>[1], done: (outcome: Outcome) => void): void => {
    const cut = () => sockets.get(session.remotePort)?.destroy()
    const settle = (reply: SmtpAnswer) => {
      if (reply?.dripMs !== undefined) return dripOver(sockets.get(session.remotePort), reply.code ?? 250, reply.dripMs)
      if (reply?.drop && reply.code === undefined) cut()
      else done(outcomeOf(reply))
      // destroySoon flushes first: the reply, written by then, still reaches the client.
      if (reply?.drop) setImmediate(() => sockets.get(session.remotePort)?.destroySoon())
    }
    if (!respond) return done({ error: null, code: 250 })
    const answer = respond(stage, about)
    if (answer instanceof Promise) answer.then(settle, cut)
    else settle(answer)
  }

  const receive = (stream: SMTPServerDataStream, session: SMTPServerSession, done: (error: Error | null, text?: string) => void): void => {
    // Not a mail: the connection ended before its final dot.
    stream.on('error', () => undefined)
    const read = () =>
      collect(stream, (raw) => {
        const mail = mailOf(raw, session, names, options.keepBodies ?? false)
        counters.mails++
        if (session.secure) counters.secured++
        mails.push(mail)
        if (mails.length > keepMails) mails.shift()
        for (const listener of listeners) listener(mail)
        ask('data', session, { mail }, ({ error, code, text }) => {
          mail.reply = code
          if (!error) counters.accepted++
          done(error, text)
        })
      })
    // Nothing is read before the hook has spoken: a cut in the body of a mail that came in one piece must not find its final dot.
    if (respond) stream.once('readable', () => ask('body', session, {}, read))
    else read()
  }

  const listen = async (port: number): Promise<number> => {
    const smtp = new SMTPServer({
      disabledCommands: [...(tls ? [] : ['STARTTLS']), ...(login ? [] : ['AUTH'])],
      ...(tls ? { key: tls.key, cert: tls.cert, secure: tls.immediate ?? false } : {}),
      authOptional: login === undefined,
      allowInsecureAuth: tls === undefined,
      disableReverseLookup: true,
      logger: false,
      onConnect: (session, done) => ask('connect', session, {}, ({ error }) => done(error)),
      onAuth: (auth, session, done) => {
        counters.logins++
        ask('auth', session, auth.username === undefined ? {} : { address: auth.username }, ({ error }) => {
          if (error) return done(error)
          if (auth.username === login?.user && auth.password === login?.password) return done(null, { user: auth.username })
          return done(replyError(535, 'Authentication credentials invalid'))
        })
      },
      onMailFrom: ({ address }, session, done) => ask('mail', session, { address }, ({ error }) => done(error)),
      onRcptTo: ({ address }, session, done) => ask('rcpt', session, { address }, ({ error }) => done(error)),
      onData: receive,
    })
    // A connection that is reset is part of what is tested here, and reported by the client.
    smtp.on('error', () => undefined)
    smtp.server.on('connection', (socket: Socket) => {
      const { remotePort } = socket
      if (remotePort === undefined) return
      counters.connections++
      sockets.set(remotePort, socket)
      socket.once('close', () => sockets.delete(remotePort))
    })
    await new Promise<void>((resolve, reject) => {
      smtp.server.once('error', reject)
      smtp.listen(port, '127.0.0.1', resolve)
    })
    server = smtp
    const address = smtp.server.address()
    return typeof address === 'object' && address ? address.port : port
  }

  const halt = async () => {
    const stopping = server
    server = undefined
    if (!stopping) return
    const closed = new Promise<void>((resolve) => stopping.close(() => resolve()))
    for (const socket of sockets.values()) socket.destroy()
    await closed
  }

  const port = await listen(0)
  const urlNow = () =>
    `smtp${tls?.immediate ? 's' : ''}://${login ? `${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@` : ''}127.0.0.1:${port}`
  return {
    url: urlNow(),
    port,
    mails,
    counters,
    onMail: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    respondWith: (next) => {
      respond = next
    },
    changePassword: () => {
      if (login === undefined) throw new Error('The sink requires no login.')
      login = { ...login, password: randomBytes(12).toString('base64url') }
      for (const socket of sockets.values()) socket.destroy()
      return urlNow()
    },
    halt,
    resume: async () => {
      if (!server) await listen(port)
    },
    stop: halt,
  }
}

function dripOver(socket: Socket | undefined, code: number, everyMs: number): void {
  const line = `${code}-one moment\r\n`
  let at = 0
  const timer = setInterval(() => socket?.write(line.charAt(at++ % line.length)), everyMs)
  if (socket) socket.once('close', () => clearInterval(timer))
  else clearInterval(timer)
}

function collect(stream: SMTPServerDataStream, complete: (raw: Buffer) => void): void {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('end', () => complete(Buffer.concat(chunks)))
  // A listener for `readable` has stopped the flow that one for `data` would begin.
  stream.resume()
}

type Outcome = { readonly error: Error | null; readonly code: number; readonly text?: string }

function outcomeOf(reply: SmtpAnswer): Outcome {
  const { code = 250, text } = reply ?? {}
  if (code >= 400) return { error: replyError(code, text ?? 'refused by the sink'), code }
  return { error: null, code, ...(text === undefined ? {} : { text }) }
}

function replyError(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode })
}

function mailOf(raw: Buffer, { envelope }: SMTPServerSession, names: ReadonlySet<string>, keepBody: boolean): SmtpMail {
  const headers = mailHeaders(raw, names)
  return {
    at: Date.now(),
    messageId: headers['message-id'] ?? '',
    from: envelope.mailFrom ? envelope.mailFrom.address : '',
    recipients: envelope.rcptTo.map(({ address }) => address),
    subject: headers['subject'] ?? '',
    headers,
    size: raw.length,
    ...(keepBody ? { raw } : {}),
  }
}
