/** The rate a second of a counter, summed over what `labels` does not name. */
export function rate(labels: string, selector: string): string {
  return `sum by (${labels}) (rate(${selector}[$__rate_interval]))`
}

/** One line per percentile of a histogram, given by the selector of its buckets, for each combination of `labels`. */
export function percentiles(labels: string, buckets: string, shares: readonly number[]): readonly (readonly [string, string])[] {
  const legend = labels
    .split(', ')
    .map((label) => `{{${label}}} `)
    .join('')
  return shares.map((share) => [
    `${labels === '' ? '' : legend}${share * 100} %`,
    `histogram_quantile(${share}, sum by (${labels === '' ? 'le' : `le, ${labels}`}) (rate(${buckets}[$__rate_interval])))`,
  ])
}

/** Of all attempts to deliver of the groups `$group`, the share that did not succeed. */
export function errorRatio(labels: string): string {
  const attempts = (outcomes: string) => rate(labels, `kafka_worker_deliveries_total{group=~"$group", outcome=~"${outcomes}"}`)
  return `${attempts(failed)} / ${attempts(`sent|delivered|done|${failed}`)}`
}

const failed = 'retry|uncounted|ambiguous|rejected|dead'
