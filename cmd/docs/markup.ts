/** HTML, in which everything that was put in is escaped. Only {@link markup} and {@link verbatim} make it. */
export class Markup {
  readonly text: string

  private constructor(text: string) {
    this.text = text
  }

  static of(text: string): Markup {
    return new Markup(text)
  }
}

/** A value in a template; nothing stands for null. */
export type Part = Markup | string | number | null | readonly Part[]

/** A template of HTML. Its values are text: they can neither open a tag nor leave an attribute in quotes. */
export function markup(literals: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return Markup.of(literals.map((literal, index) => (index === 0 ? literal : textOf(parts[index - 1] ?? null) + literal)).join(''))
}

/** Text of our own that is HTML, a style sheet or a script already. */
export function verbatim(text: string): Markup {
  return Markup.of(text)
}

/** Values as JSON inside a script element, where nothing is escaped and `</script>` would end it. */
export function jsonData(value: unknown): Markup {
  return Markup.of(JSON.stringify(value).replaceAll('<', String.raw`\u003c`))
}

function textOf(part: Part): string {
  if (part === null) return ''
  if (part instanceof Markup) return part.text
  return typeof part === 'object' ? part.map(textOf).join('') : escaped(String(part))
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
