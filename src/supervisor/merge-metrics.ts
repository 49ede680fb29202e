/**
 * Metrics that describe a group or the database and not a process: every process reports the same, so they appear once and without the
 * label, and their sums are right.
 */
export const sharedMetrics = [
  'kafka_consumergroup_lag',
  'kafka_consumergroup_group_lag_seconds',
  'kafka_consumergroup_lag_seconds',
  'kafka_worker_scalable_backlog',
  'kafka_worker_intents_pending',
  'kafka_worker_intents_oldest_due_age_seconds',
  'kafka_worker_dead_letters_open',
  'kafka_worker_outbox_pending',
  'kafka_worker_outbox_oldest_age_seconds',
] as const

interface Family {
  readonly head: string[]
  readonly samples: string[]
  /** The process of the first sample. */
  from: string | null
}

/**
 * Exposition texts of several processes as one, with the label `process` on every sample. They are not added up: a sum falls when a
 * process restarts, which Prometheus would take for a restart of them all, and count everything again.
 *
 * @param texts by the name of the process, in the format of prom-client: `# HELP` and `# TYPE` precede the samples of each metric
 */
export function mergeMetrics(texts: ReadonlyMap<string, string>): string {
  const families = new Map<string, Family>()
  for (const [process, text] of texts) {
    let name = ''
    for (const line of text.split('\n')) {
      if (line === '') continue
      const comment = /^# (?:HELP|TYPE) (\S+)/.exec(line)
      name = comment?.[1] ?? name
      const family = families.get(name) ?? { head: [], samples: [], from: null }
      families.set(name, family)
      const kind = comment === null ? null : line.slice(0, 6)
      if (kind !== null) {
        if (!family.head.some((known) => known.startsWith(kind))) family.head.push(line)
        continue
      }
      family.from ??= process
      if (!isShared(name)) family.samples.push(labelled(line, process))
      else if (family.from === process) family.samples.push(line)
    }
  }
  return [...families.values()].map(({ head, samples }) => `${[...head, ...samples].join('\n')}\n`).join('\n')
}

function isShared(name: string): boolean {
  return sharedMetrics.some((shared) => shared === name)
}

/** The name of a metric ends at the first brace or blank. */
function labelled(sample: string, process: string): string {
  const end = sample.search(/[{ ]/)
  const [name, rest] = [sample.slice(0, end), sample.slice(end)]
  return rest.startsWith('{') ? `${name}{process="${process}",${rest.slice(1)}` : `${name}{process="${process}"}${rest}`
}
