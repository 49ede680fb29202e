import { pausedSubject, pauseTerms } from '../../model/pause.ts'
import { resumeCommand } from '../pauses/resume-command.ts'
import { workerctl, type Problem } from './finding.ts'
import type { StatusFacts } from './status-facts.ts'

/** Destinations that accept nothing, and what operators have paused. */
export function findStoppedDeliveries({ groups, channels, pauses }: StatusFacts): readonly Problem[] {
  const findings: Problem[] = []
  const away = groups.flatMap(({ report }) => report?.away ?? [])
  for (const same of Map.groupBy(away, ({ channel, destination }) => `${channel} ${destination}`).values()) {
    for (const { channel, destination, reason, since } of same.slice(0, 1)) {
      const words = channels.find(({ name }) => name === channel)
      if (words === undefined) continue
      const waiting = same.reduce((sum, one) => sum + one.waiting, 0)
      const why = `${reason ?? 'unavailable'}, since ${since.toISOString()}`
      if (words.sole === destination) {
        const sentence = `The ${words.destination} accepts no ${words.deliveries} (${why}): ${wayOut(reason)}`
        findings.push({ kind: 'destination-away', sentence, command: workerctl('doctor --only smtp') })
      } else {
        const count = waiting === 0 ? '' : ` ${waiting} ${words.deliveries} wait for it.`
        const sentence = `${capital(words.destination)} ${destination} accepts no ${words.deliveries} (${why}); its owner must fix it.${count}`
        findings.push({ kind: 'endpoint-away', sentence, command: workerctl(`intents list --destination ${destination}`) })
      }
    }
  }
  for (const pause of pauses) {
    findings.push({
      kind: 'paused',
      sentence: `${pausedSubject(pause)} is ${pauseTerms(pause)}, since ${pause.since.toISOString()}.`,
      command: workerctl(resumeCommand(pause)),
    })
  }
  return findings
}

/** By the reason for which the relay is away. */
function wayOut(reason: string | null): string {
  if (reason === 'relay-credentials-refused') return 'it refuses the login; correct user and password in SMTP_URL, and restart.'
  if (reason === 'relay-tls-failed') return 'TLS fails; check its certificate and SMTP_URL.'
  if (reason === 'relay-refuses-us') return 'it refuses us as a sender; its own log says why.'
  return 'check SMTP_URL and that it runs; mails stay queued, and are sent once it answers.'
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
