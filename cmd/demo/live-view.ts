import type { GroupFigures, LiveFigures } from './live-figures.ts'

/** A place to look at while the demo runs. */
export interface Sight {
  readonly name: string
  readonly address: string
  /** What is to be seen there. */
  readonly shows: string
}

/**
 * The whole picture, for a terminal of 80 columns that is redrawn. It fits `rows`, cursor line included: groups that find no row of
 * their own are added up in the last row of their table. At 24 rows that begins with the sixth group.
 */
export function picture(figures: LiveFigures, sights: readonly Sight[], rows = 24): string {
  const { groups, mails, leaderboard } = figures
  const sent = table(
    ['mails', 'sent'],
    mails.map(({ type, count }) => [type, count]),
  )
  const ranking = table(
    [leaderboard.campaign, 'position', 'friends', 'score'],
    leaderboard.leaders.map(({ name, position, friends, score }) => [name, position, friends, score]),
  )
  const above = [`${figures.published} events published so far. Ctrl-C stops everything.`, '']
  const below = [
    '',
    ...sideBySide(sent, ranking),
    'Score: order of joining minus points for friends. Lowest leads, even below 0.',
    '',
    'Look at',
    ...aligned(sights.map(({ name, address, shows }) => [name, address, shows])),
  ]
  // The cursor and the head of the table have a line each.
  return [...above, ...groupTable(groups, rows - above.length - below.length - 2), ...below].join('\n')
}

/** A row for each group, or, where `room` has fewer rows, for the first ones and for the sum of the others. */
function groupTable(groups: readonly GroupFigures[], room: number): readonly string[] {
  const own = groups.length <= room ? groups : groups.slice(0, Math.max(0, room - 1))
  const others = groups.slice(own.length)
  const shown = others.length === 0 ? own : [...own, sumOf(others)]
  return table(
    ['group', 'handled', '/s', 'lag', 'in flight', 'due', 'waiting', 'retries', 'dlq'],
    shown.map(({ group, handled, rate, lag, inFlight, due, waiting, retries, deadLetters }) => [
      group,
      ...[handled, rate, lag, inFlight, due, waiting, retries, deadLetters].map(shortFigure),
    ]),
  )
}

/** At most four characters up to a thousand million, so that any figures leave a group's name 18 of the 80 columns. */
function shortFigure(figure: number): string {
  return figure < 10_000 ? String(Math.round(figure)) : compact.format(figure)
}

const compact = new Intl.NumberFormat('en', { notation: 'compact' })

function sumOf(groups: readonly GroupFigures[]): GroupFigures {
  const sum = (figure: Exclude<keyof GroupFigures, 'group'>) => groups.reduce((total, group) => total + group[figure], 0)
  return {
    group: `${groups.length} more`,
    handled: sum('handled'),
    rate: sum('rate'),
    lag: sum('lag'),
    inFlight: sum('inFlight'),
    due: sum('due'),
    waiting: sum('waiting'),
    retries: sum('retries'),
    deadLetters: sum('deadLetters'),
  }
}

function sideBySide(lefts: readonly string[], rights: readonly string[]): readonly string[] {
  const width = Math.max(...lefts.map(({ length }) => length)) + 4
  return Array.from({ length: Math.max(lefts.length, rights.length) }, (_, line) =>
    `${(lefts[line] ?? '').padEnd(width)}${rights[line] ?? ''}`.trimEnd(),
  )
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

/** The first column to the left, figures to the right; a line per row, the head first. */
function table(head: readonly string[], body: readonly (readonly (string | number)[])[]): readonly string[] {
  const rows = [head, ...body.map((row) => row.map(String))]
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
  )
}
