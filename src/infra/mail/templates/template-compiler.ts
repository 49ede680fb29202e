import { Worker } from 'node:worker_threads'
import { TemplateCompilerUnavailable, type TemplateFault, type TemplateText } from '../../../delivery/email/mail-template.ts'
import type { PreparedTemplate } from './prepared-template.ts'

/** `bytes` is what the compiled template retains on the heap, estimated. */
export type Compiled =
  | { readonly is: 'compiled'; readonly template: PreparedTemplate; readonly bytes: number }
  | { readonly is: 'unusable'; readonly reason: TemplateFault; readonly sentence: string }

/** What the worker thread posts: `ready` once, then one reply per source. */
export type CompileReply = { readonly is: 'ready' } | Compiled

export interface TemplateCompilerOptions {
  /** For one template, in milliseconds; the largest allowed takes about a third of a second. Default 20,000. */
  readonly deadlineMs?: number
  /** Heap of the worker thread, in MiB. Default 128; the largest allowed template takes about half of it. */
  readonly heapMb?: number
  /** The thread ends when it has had nothing to compile for so long, in milliseconds. Default 30,000. */
  readonly idleMs?: number
}

/** Loading the modules takes a fraction of a second. Milliseconds. */
const START_DEADLINE_MS = 60_000
/** A template that ends its thread gets a second one: a process that stood still finds the deadline passed, too. */
const ATTEMPTS = 2

/**
 * Compiles templates one at a time in a worker thread, so that no template, however large or hostile, blocks the event
 * loop or fills the heap. The thread, which takes about 30 MiB, starts when there is a template to compile and ends when it has been idle.
 *
 * A template that misses the deadline or ends its thread, twice, is `unusable`.
 */
export class TemplateCompiler {
  readonly #deadlineMs: number
  readonly #heapMb: number
  readonly #idleMs: number
  #worker: Worker | null = null
  #last: Promise<unknown> = Promise.resolve()
  #closed = false
  /** Templates that are being compiled or wait for it. */
  #pending = 0
  #idle: NodeJS.Timeout | undefined

  constructor(options: TemplateCompilerOptions = {}) {
    this.#deadlineMs = options.deadlineMs ?? 20_000
    this.#heapMb = options.heapMb ?? 128
    this.#idleMs = options.idleMs ?? 30_000
  }

  /** @throws {TemplateCompilerUnavailable} no thread can be started, or the compiler is closed; says nothing about the template. */
  compile(source: TemplateText): Promise<Compiled> {
    this.#pending += 1
    clearTimeout(this.#idle)
    const compiled = this.#last.then(() => this.#compile(source)).finally(() => this.#done())
    this.#last = compiled.catch(() => undefined)
    return compiled
  }

  /** Ends the thread; what is being compiled rejects. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#idle)
    await this.#worker?.terminate()
  }

  async #compile(source: TemplateText): Promise<Compiled> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const worker = this.#worker ?? (await this.#start())
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      worker.postMessage(source)
      const reply = await nextReply(worker, this.#deadlineMs)
      if (reply !== null && reply.is !== 'ready') return reply
      await this.#end(worker)
    }
    const sentence = `The template takes more than ${this.#deadlineMs / 1_000} s or ${this.#heapMb} MB to compile. Simplify its HTML or its styles, then retry the mail.`
    return { is: 'unusable', reason: 'template-too-costly', sentence }
  }

  #done(): void {
    this.#pending -= 1
    if (this.#pending > 0) return
    this.#idle = setTimeout(() => {
      if (this.#worker !== null) void this.#end(this.#worker)
    }, this.#idleMs)
    this.#idle.unref()
  }

  async #start(): Promise<Worker> {
    if (this.#closed) throw new TemplateCompilerUnavailable('the template compiler is closed')
    const worker = new Worker(new URL('./compile-worker.ts', import.meta.url), {
      name: 'template compiler',
      // Templates are written by tenants: the thread that reads them knows no secret.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: this.#heapMb, maxYoungGenerationSizeMb: 16 },
    })
    this.#worker = worker
    worker.unref()
    // Without a listener an error of the thread would end the process. Callers see the exit that follows.
    worker.on('error', () => undefined)
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = null
    })
    const reply = await nextReply(worker, START_DEADLINE_MS)
    if (reply?.is === 'ready') return worker
    await this.#end(worker)
    throw new TemplateCompilerUnavailable('the worker thread for templates does not start')
  }

  async #end(worker: Worker): Promise<void> {
    if (this.#worker === worker) this.#worker = null
    await worker.terminate()
  }
}

/** The worker's next message, or null when the worker has ended or time is up. */
async function nextReply(worker: Worker, deadlineMs: number): Promise<CompileReply | null> {
  const { promise, resolve } = Promise.withResolvers<CompileReply | null>()
  const nothing = () => resolve(null)
  const timer = setTimeout(nothing, deadlineMs)
  worker.once('message', resolve)
  worker.once('exit', nothing)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    worker.off('message', resolve)
    worker.off('exit', nothing)
  }
}
