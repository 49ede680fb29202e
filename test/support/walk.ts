/** What a step of a walk through the repository does to one file: its whole text, or hunks that each change a place in it. */
export type Change =
  | { readonly path: string; readonly is: 'text'; readonly text: string }
  | { readonly path: string; readonly is: 'hunks'; readonly hunks: readonly { readonly before: string; readonly after: string }[] }

export interface Step {
  readonly changes: readonly Change[]
  /** Lines of its shell blocks. */
  readonly commands: readonly string[]
}

/**
 * Reads the part of a Markdown text below a heading: each code block behind `<!-- file: path -->` is the text of that file, or a diff of it
 * whose hunks are parted by `@@`.
 *
 * @throws when there is no such heading, or nothing to do below it
 */
export function stepBelow(heading: string, markdown: string): Step {
  const [, part] = markdown.split(`\n${heading}\n`)
  if (part === undefined) throw new Error(`There is no heading “${heading}”.`)
  const [text = ''] = part.split(/^#{1,3} /m)
  const changes = [...text.matchAll(/^<!-- file: (\S+) -->\n```(\w+)\n([\s\S]*?)^```$/gm)].map(
    ([, path = '', language = '', body = '']): Change =>
      language === 'diff' ? { path, is: 'hunks', hunks: body.split(/^@@\n/m).map(hunkOf) } : { path, is: 'text', text: body },
  )
  const commands = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, body = '']) => body.trim().split('\n'))
  if (changes.length === 0) throw new Error(`Below “${heading}” no file is changed.`)
  return { changes, commands }
}

function hunkOf(text: string): { before: string; after: string } {
  const lines = text.split(/(?<=\n)/)
  const side = (signs: string) =>
    lines
      .filter((line) => signs.includes(line.charAt(0)))
      .map((line) => line.slice(1))
      .join('')
  return { before: side(' -'), after: side(' +') }
}

/** @throws when the place of a hunk is not in the text exactly once: the walk has to be brought up to it */
export function changed(text: string, change: Extract<Change, { is: 'hunks' }>): string {
  return change.hunks.reduce((so, { before, after }) => {
    const [head, tail, more] = so.split(before)
    if (head === undefined || tail === undefined || more !== undefined)
      throw new Error(`${change.path} does not hold exactly once what a hunk of the walk begins from:\n${before}`)
    return head + after + tail
  }, text)
}
