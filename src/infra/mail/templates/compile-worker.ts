import { parentPort } from 'node:worker_threads'
import { compileTemplate } from './compile-template.ts'
import { retainedBytes } from './prepared-template.ts'
import type { CompileReply } from './template-compiler.ts'
import { TemplateError, type TemplateText } from '../../../delivery/email/mail-template.ts'

// The thread of template-compiler.ts: one source in, one reply out, as plain data. Posting copies the strings, which flattens them.
if (parentPort === null) throw new Error('compile-worker.ts runs as a worker thread')
const port = parentPort
port.on('message', (source: TemplateText) => port.postMessage(compile(source)))
const ready: CompileReply = { is: 'ready' }
port.postMessage(ready)

function compile(source: TemplateText): CompileReply {
  try {
    const template = compileTemplate(source)
    return { is: 'compiled', template, bytes: retainedBytes(template) }
  } catch (error) {
    if (error instanceof TemplateError) return { is: 'unusable', reason: error.reason, sentence: error.message }
    // Not the message: it may quote what it stumbled over.
    const name = error instanceof Error ? error.name : typeof error
    const sentence = `The template cannot be compiled (${name}). Simplify its HTML or its styles, then retry the mail.`
    return { is: 'unusable', reason: 'template-error', sentence }
  }
}
