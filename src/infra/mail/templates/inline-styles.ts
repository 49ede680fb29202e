import juice from 'juice'

/**
 * Writes the rules of `<style>` into the elements they match, because some clients drop `<style>`. Media queries, among them
 * the dark mode, stay where they are. Mustache tags pass through untouched. Loads nothing from anywhere.
 *
 * @throws whatever the inliner meets in markup that it cannot walk.
 */
export function inlineStyles(html: string): string {
  return juice(html, { preserveMediaQueries: true, preserveFontFaces: true, preserveKeyFrames: true, preservedSelectors: kept })
}

/** Selectors that only mean something in a style sheet: the colour scheme's declaration and Outlook.com's dark mode. */
const kept = [':root', '[data-ogsc]', '[data-ogsb]']
