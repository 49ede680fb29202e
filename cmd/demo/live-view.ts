import type { LiveFigures } from './live-figures.ts'

/** A place to look at while the demo runs. */
export interface Sight {
  readonly name: string
  readonly address: string
  /** What is to be seen there. */
  readonly shows: string
}

/** The whole picture, for a terminal that is redrawn; 80 columns and 24 rows hold it. */
export function picture(figures: LiveFigures, sights: readonly Sight[]): string {
  const { groups, mails, leaderboard } = figures
  const sent = table(
    ['mails', 'sent'],
    mails.map(({ type, count }) => [type, count]),
  )
  const ranking = table(
    [leaderboard.campaign, 'position', 'friends', 'score'],
    leaderboard.leaders.map(({ name, position, friends, score }) => [name, position, friends, score]),
  )
  return [
    `${figures.published} events published so far. Ctrl-C stops everything.`,
    '',
    table(
      ['group', 'handled', '/s', 'lag', 'in flight', 'due', 'waiting', 'retries', 'dlq'],
      groups.map(({ group, handled, rate, lag, inFlight, due, waiting, retries, deadLetters }) => [
        group,
        handled,
        Math.round(rate),
        lag,
        inFlight,
        due,
        waiting,
        retries,
        deadLetters,
      ]),
    ),
    '',
    sideBySide(sent, ranking),
    'Score: order of joining minus points for friends. Lowest leads, even below 0.',
    '',
    'Look at',
    ...aligned(sights.map(({ name, address, shows }) => [name, address, shows])),
  ].join('\n')
}

function sideBySide(left: string, right: string): string {
  const [lefts, rights] = [left.split('\n'), right.split('\n')]
  const width = Math.max(...lefts.map(({ length }) => length)) + 4
  return Array.from({ length: Math.max(lefts.length, rights.length) }, (_, line) =>
    `${(lefts[line] ?? '').padEnd(width)}${rights[line] ?? ''}`.trimEnd(),
  ).join('\n')
}

/** The sights, a line each, for an output that only grows. */
export function plainSights(sights: readonly Sight[]): string {
  return sights.map(({ name, address, shows }) => `${name}: ${address} (${shows})\n`).join('')
}

function aligned(rows: readonly (readonly [string, string, string])[]): string[] {
  const width = Math.max(...rows.map(([, address]) => address.length))
  return rows.map(([name, address, shows]) => `  ${name.padEnd(8)} ${address.padEnd(width)}  ${shows}`)
}

/** The same in a line, for an output that only grows. */
export function plainLine({ published, groups, mails, leaderboard }: LiveFigures): string {
  const sent = mails.reduce((sum, { count }) => sum + count, 0)
  const states = groups.map(
    ({ group, handled, rate, lag, inFlight, due, retries, deadLetters }) =>
      `${group} handled=${handled} rate=${rate.toFixed(1)}/s lag=${lag} in-flight=${inFlight} due=${due} retries=${retries} dead-letters=${deadLetters}`,
  )
  const top = leaderboard.leaders.map(({ name }) => name).join(', ')
  return [`published=${published}`, ...states, `mails=${sent}`, `top of ${leaderboard.campaign}: ${top}`].join(' | ')
}

/** The first column to the left, figures to the right. */
function table(head: readonly string[], body: readonly (readonly (string | number)[])[]): string {
  const rows = [head, ...body.map((row) => row.map(String))]
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '))
    .join('\n')
}
