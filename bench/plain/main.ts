#!/usr/bin/env node
import { drain } from './drain.ts'
import { consume, stopOnSignal } from './group.ts'
import { mailer } from './mailer.ts'
import { poster } from './poster.ts'

/** A worker as it is usually written in an afternoon, to stand beside ours: kafkajs, one INSERT per event, nodemailer's pool or undici. */
const work = process.argv[2]
if (work === 'mail') {
  const { send, close } = mailer()
  stopOnSignal([await consume('plain-mail', send)], close)
} else if (work === 'webhooks') {
  const { send, close } = poster()
  stopOnSignal([await consume('plain-webhooks', send)], close)
} else if (work === 'drain') stopOnSignal(await drain(), () => undefined)
else {
  process.stderr.write('Say mail, webhooks or drain.\n')
  process.exitCode = 1
}
