/** What is measured, by name. */
export interface Workload {
  readonly name: string
  /** What figures are per. */
  readonly unit: 'mail' | 'webhook' | 'event' | 'second' | 'start'
  /** For people. */
  readonly about: string
  readonly play: 'burst' | 'steady' | 'replay' | 'drain' | 'idle' | 'ready'
  readonly work: 'mail' | 'webhooks' | 'drain' | 'all'
  readonly fsync: boolean
  /** What the ratios compare: CPU of worker and database together, or a time. */
  readonly compares: 'cpu' | 'p50' | 'p99'
  /** Events a second, of a steady one. */
  readonly rate?: number
  /** Events; seconds of an idle one, starts of `ready`. */
  readonly size: { readonly full: number; readonly quick: number }
  /** The topic was drained before: every event has its outcomes, and no group has progress. Only ours is played: the others keep no outcomes. */
  readonly again?: true
  /** `--quick` plays it only where it is named. */
  readonly notQuick?: true
}

const mail = { unit: 'mail', play: 'burst', work: 'mail', compares: 'cpu' } as const
const webhook = { unit: 'webhook', play: 'burst', work: 'webhooks', compares: 'cpu' } as const
const drain = {
  unit: 'event',
  play: 'drain',
  work: 'drain',
  fsync: false,
  compares: 'cpu',
  size: { full: 200_000, quick: 10_000 },
} as const
const steady = { unit: 'mail', play: 'steady', work: 'mail', fsync: false, compares: 'p99' } as const

/** In the order in which they are played. */
export const workloads: readonly Workload[] = [
  { name: 'mail', ...mail, fsync: false, about: 'a mail per event, from the topic to the relay', size: { full: 20_000, quick: 1_000 } },
  { name: 'mail-fsync', ...mail, fsync: true, about: 'the same with fsync', size: { full: 10_000, quick: 300 } },
  {
    name: 'webhook',
    ...webhook,
    fsync: false,
    about: 'a webhook per event, from the topic to the endpoint',
    size: { full: 20_000, quick: 1_000 },
  },
  { name: 'webhook-fsync', ...webhook, fsync: true, about: 'the same with fsync', size: { full: 10_000, quick: 300 }, notQuick: true },
  { name: 'drain', ...drain, about: 'three groups drain a topic of mixed events of a month ago; the other workers without a database' },
  { name: 'drain-again', ...drain, about: 'the same by groups that have all outcomes and no progress', again: true, notQuick: true },
  { name: 'latency-100', ...steady, rate: 100, about: 'acknowledgement to relay at 100 mails a second', size: { full: 2_000, quick: 300 } },
  { name: 'latency-500', ...steady, rate: 500, about: 'the same at 500', size: { full: 10_000, quick: 1_500 } },
  { name: 'latency-2000', ...steady, rate: 2_000, about: 'the same at 2,000', size: { full: 40_000, quick: 8_000 }, notQuick: true },
  {
    name: 'replay',
    ...steady,
    play: 'replay',
    rate: 100,
    about: 'acknowledgement to relay at 100 live mails a second, alone and beside a replay; only ours is played',
    size: { full: 4_000, quick: 1_500 },
  },
  {
    name: 'idle',
    unit: 'second',
    about: 'nothing comes; the memory is what is resident at the end',
    play: 'idle',
    work: 'all',
    fsync: false,
    compares: 'cpu',
    size: { full: 30, quick: 4 },
  },
  {
    name: 'ready',
    unit: 'start',
    about: 'from the start of the process until it is ready, beside running servers',
    play: 'ready',
    work: 'all',
    fsync: false,
    compares: 'p50',
    size: { full: 3, quick: 1 },
  },
]
