import { createReadStream, existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Findings } from './verdict.ts'
import type { WholeHistory } from './whole-history.ts'

/** No marker stands in what a daemon wrote, in a header of ours on a dead letter, or in a text that says why something failed. */
export async function judgeSecrecy(history: WholeHistory, findings: Findings): Promise<void> {
  // As it stands, and as JSON writes it.
  const { markers } = history.run
  const forms = markers.map((marker) => [...new Set([marker, JSON.stringify(marker).slice(1, -1)])])
  if (markers.includes('')) throw new Error('An empty marker stands everywhere.')
  // By number, so that the verdict does not tell what it looks for.
  const look = (text: string, place: string) => {
    findings.checked('I12')
    for (const [index, texts] of forms.entries()) {
      if (texts.some((form) => text.includes(form))) findings.violated('I12', `${place} holds marker ${index + 1} of ${forms.length}.`)
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
    if (!existsSync(join(history.folder, `daemon-${daemon}.log`))) findings.violated('history', `Of daemon ${daemon} there is no log.`)
  }
  const longest = Math.max(0, ...forms.flat().map((form) => form.length))
  for (const file of await readdir(history.folder)) {
    if (!/^daemon-\d+\.log$/.test(file)) continue
    const held = new Set<number>()
    let tail = ''
    let bytes = 0
    for await (const piece of createReadStream(join(history.folder, file), { encoding: 'utf8' })) {
      const text = tail + String(piece)
      for (const [index, texts] of forms.entries()) if (texts.some((form) => text.includes(form))) held.add(index)
      // A marker may lie across two pieces.
      tail = text.slice(-longest)
      bytes += String(piece).length
    }
    findings.checked('I12')
    findings.count('logCharacters', bytes)
    for (const index of held) findings.violated('I12', `${file} holds marker ${index + 1} of ${forms.length}.`)
  }
}
