import { escapeHtml } from './template-part.ts'

/**
 * A plain page for a template that has only text: its paragraphs and line breaks, addresses as links, both colour schemes.
 * Made from the source: mustache tags stay tags, and their values are escaped when the HTML is rendered.
 */
export function htmlFromText(text: string): string {
  const paragraphs = text
    .replace(/\r\n?/g, '\n')
    .trim()
    .split(/\n{2,}/)
    .map((paragraph) => `<p>${markUp(paragraph).replace(/\n/g, '<br>\n')}</p>`)
  return `${before}${paragraphs.join('\n')}${after}`
}

/** Every second piece of the split is a tag. */
function markUp(paragraph: string): string {
  return paragraph
    .split(/(\{\{\{[\s\S]*?\}\}\}|\{\{[\s\S]*?\}\})/)
    .map((piece, index) => {
      if (index % 2 === 0) return escapeHtml(piece).replace(/https?:\/\/[^\s<>&]+(?:&amp;[^\s<>&]+)*/g, '<a href="$&">$&</a>')
      return /^\{\{[{&]?\s*referral_link\s*\}{2,3}$/.test(piece) ? `<a href="${piece}">${piece}</a>` : piece
    })
    .join('')
}

const before = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<style>
body { margin: 0; padding: 24px; background-color: #ffffff; color: #1c2128; font-family: -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; font-size: 16px; line-height: 25px; }
p { margin: 0 0 16px; max-width: 600px; }
a { color: #1f5fd6; }
@media (prefers-color-scheme: dark) {
  body { background-color: #101317 !important; color: #e4e7eb !important; }
  a { color: #8fb4f5 !important; }
}
</style>
</head>
<body>
`
const after = `
</body>
</html>
`
