import { createReadStream, existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Findings } from './check-report.ts'
import type { ParsedHistory } from './parsed-history.ts'

/** No marker occurs in a daemon's output, in our headers of a dead letter, or in the text of an error or a reason. */
export async function checkSecrecy(history: ParsedHistory, findings: Findings): Promise<void> {
  // Verbatim, and as JSON escapes it.
  const { markers } = history.run
  const forms = markers.map((marker) => [...new Set([marker, JSON.stringify(marker).slice(1, -1)])])
  if (markers.includes('')) throw new Error('A marker must not be empty: it would match every text.')
  // Named by number, so that the report does not contain the secret.
  const look = (text: string, location: string) => {
    findings.checked('I12')
    for (const [index, texts] of forms.entries()) {
      if (texts.some((form) => text.includes(form))) findings.violated('I12', `${location} holds marker ${index + 1} of ${forms.length}.`)
    }
  }
  for (const { topic, partition, offset, headers } of history.deadLetterRecords) {
    for (const [name, value] of Object.entries(headers)) {
      if (name.startsWith('dlq-')) look(String(value), `Header ${name} of ${topic} at ${partition}/${offset}`)
    }
  }
  for (const { type, error } of history.rows.emailLogs) if (error !== null) look(error, `error_message of a row of email_logs (${type})`)
  for (const { error } of history.rows.deliveries) if (error !== null) look(error, 'error_message of a row of webhook_deliveries')
  for (const { id, error } of history.rows.rewards) if (error !== null) look(error, `delivery_error of reward ${id}`)
  for (const { key, reason } of history.rows.intents) if (reason !== null) look(reason, `The reason of ${key}`)
  for (const { reason, partition, offset } of history.rows.deadLetters)
    look(reason, `The reason of a dead letter at ${partition}/${offset}`)

  for (const daemon of new Set(history.processes.map(({ daemon }) => daemon))) {
    if (!existsSync(join(history.folder, `daemon-${daemon}.log`))) findings.violated('history', `There is no log of daemon ${daemon}.`)
  }
  const longest = Math.max(0, ...forms.flat().map((form) => form.length))
  for (const file of await readdir(history.folder)) {
    if (!/^daemon-\d+\.log$/.test(file)) continue
    const held = new Set<number>()
    let tail = ''
    let bytes = 0
    for await (const chunk of createReadStream(join(history.folder, file), { encoding: 'utf8' })) {
      const text = tail + String(chunk)
      for (const [index, texts] of forms.entries()) if (texts.some((form) => text.includes(form))) held.add(index)
      // A marker may span two chunks.
      tail = text.slice(-longest)
      bytes += String(chunk).length
    }
    findings.checked('I12')
    findings.count('logCharacters', bytes)
    for (const index of held) findings.violated('I12', `${file} holds marker ${index + 1} of ${forms.length}.`)
  }
}
