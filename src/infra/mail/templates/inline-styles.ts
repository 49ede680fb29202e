import juice from 'juice'

/**
 * Writes the rules of `<style>` into the elements they match, because some clients drop `<style>`. Media queries, among them
 * the dark mode, stay where they are. Mustache tags pass through untouched. Loads nothing from anywhere.
 *
 * Matching costs about 5 microseconds per selector and element, and nested or very long selectors multiply that. HTML that would take
 * longer than half a second or so, or would become much longer, is returned as it is; most clients show it the same.
 *
 * @throws whatever the inliner meets in markup that it cannot walk.
 */
export function inlineStyles(html: string): string {
  const styles = html
    .split(/<style\b[^>]*>/i)
    .slice(1)
    .map((style) => style.split(/<\/style/i, 1)[0] ?? '')
    .join('\n')
  if (selectorsIn(styles) * elementsIn(html) > maxMatches || isTangled(styles)) return html
  const inlined = juice(html, { preserveMediaQueries: true, preserveFontFaces: true, preserveKeyFrames: true, preservedSelectors: kept })
  return inlined.length > maxCharacters ? html : inlined
}

const maxMatches = 100_000
/** Four times what a campaign may write: a long rule on many elements would make every mail megabytes. */
const maxCharacters = 1024 * 1024

/** Selectors that only mean something in a style sheet: the colour scheme's declaration and Outlook.com's dark mode. */
const kept = [':root', '[data-ogsc]', '[data-ogsb]']

/** An upper bound: a brace opens a rule or a media query, a comma separates selectors or parts of a value. */
function selectorsIn(styles: string): number {
  return count(styles, /[{,]/g)
}

/** Nested deeper than a state inside a rule inside a media query, or with a selector that nobody writes by hand. */
function isTangled(styles: string): boolean {
  let depth = 0
  for (const piece of styles.replace(/\{\{[^{}]*\}\}/g, '').split(/(?<=[{}])/)) {
    if (piece.endsWith('}')) depth--
    else if (piece.endsWith('{')) depth++
    if (depth > 3 || (piece.endsWith('{') && piece.length > 500)) return true
  }
  return false
}

function elementsIn(html: string): number {
  return count(html, /<[a-z]/gi)
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}
