import { deadLetterTopic } from '../../ingest/dead-letter.ts'
import { missingTopics, narrowDeadLetterTopics, checkSettings, type TopicCheck } from '../topics/topic-check.ts'
import type { TopicComparison } from '../topics/apply-topics.ts'
import { topicFindings, type TopicFinding } from '../topics/topic-findings.ts'
import type { Finding, Seen } from './check.ts'
import { findingOf } from './way-out.ts'

/** Whether the topics of events exist and keep what the catalogue promises, in the words of a refused start. */
export async function topicsSeen(check: TopicCheck): Promise<Seen> {
  const names = topicsOf(check.groups)
  const present = await check.admin.topics(names)
  const missing = missingTopics(names, present, check.config)
  if (missing !== null) return seenOf([findingOf(missing)])
  const { refusals, warnings } = await checkSettings(names, check)
  const findings = [...refusals.map((text) => findingOf(text)), ...warnings.map((text) => findingOf(text, 'warning'))]
  return seenOf(
    findings,
    `${listed(names)} ${names.length === 1 ? 'exists' : 'exist'} and ${names.length === 1 ? 'agrees' : 'agree'} with the catalogue.`,
  )
}

/** Whether each group that runs has its dead-letter topic, as wide as its topic. */
export async function deadLettersSeen({ config, groups, admin }: Pick<TopicCheck, 'config' | 'groups' | 'admin'>): Promise<Seen> {
  const topics = topicsOf(groups)
  const letters = groups.map(({ id, topic }) => deadLetterTopic(topic, id))
  const present = await admin.topics([...topics, ...letters])
  const missing = missingTopics(letters, present, config)
  const narrow = topics.flatMap((topic) => narrowDeadLetterTopics(topic, groups, present) ?? [])
  const findings = [...(missing === null ? [] : [missing]), ...narrow].map((text) => findingOf(text))
  return seenOf(findings, `${letters.length} dead-letter topics exist, as wide as their topics.`)
}

/** Partitions, replicas and leaders of the topics of events, by the findings of `topics verify`; what loses no record is a warning. */
export function partitionsSeen(compared: TopicComparison, topics: readonly string[]): Seen {
  const about = topicFindings(compared, []).filter(({ topic, is }) => topic !== null && topics.includes(topic) && kinds.has(is))
  const findings = about.map(({ is, sentence }): Finding => ({
    ...findingAt(sentence),
    is: is === 'below-min-insync' || is === 'fewer-replicas-than-min-insync' ? 'failed' : 'warning',
  }))
  const counts = topics.flatMap((name) => {
    const state = compared.present.get(name)
    return state === undefined ? [] : [`${name} has ${state.partitions.length}`]
  })
  return seenOf(findings, `${counts.join(', ')} partitions, with enough replicas in sync.`)
}

/** Drift that is no matter of partitions belongs to the check of topics. */
const kinds: ReadonlySet<TopicFinding['is']> = new Set([
  'partitions',
  'replicas',
  'fewer-replicas-than-min-insync',
  'below-min-insync',
  'unclean-leader-election',
])

/** These sentences give the way out in a sentence of their own, the last. */
function findingAt(text: string): Pick<Finding, 'sentence' | 'fix'> {
  const at = text.lastIndexOf('. ')
  if (at < 0) return findingOf(text)
  return { sentence: text.slice(0, at + 1), fix: text.slice(at + 2).replace(/\.$/, '') }
}

function topicsOf(groups: TopicCheck['groups']): readonly string[] {
  return [...new Set(groups.map(({ topic }) => topic))]
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? `Topic ${names[0]}` : `Topics ${names.join(', ')}`
}

function seenOf(findings: readonly Finding[], well = ''): Seen {
  return { sentence: findings[0]?.sentence ?? well, findings }
}
