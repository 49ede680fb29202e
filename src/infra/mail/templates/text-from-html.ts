import { decodeEntities } from './html-entities.ts'

/**
 * A readable text for an HTML template that has none, made from the source, so that the mustache tags stay: paragraphs and
 * lines where the blocks are, "words (address)" for links, the alt text for images. Style, scripts, comments and elements
 * with `display: none` (a hidden preheader) are left out. One pass, linear in the length.
 */
export function textFromHtml(html: string): string {
  const { text, tags } = setTagsAside(html)
  // A reference that decodes to braces must not become a tag.
  const plain = decodeEntities(walk(text)).replace(/\{\{/g, '{ {')
  return tidyText(plain).replace(marks, (_, index: string) => tags[Number(index)] ?? '')
}

/** No blanks at the ends of lines, one empty line between paragraphs, none at either end. */
export function tidyText(text: string): string {
  return `${text
    .replace(/[ \t]+\n/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()}\n`
}

/** A tag is carried through as a mark in two private-use characters, which no step below touches. */
const marks = /\uE000(\d+)\uE001/g

function setTagsAside(html: string): { text: string; tags: readonly string[] } {
  const tags: string[] = []
  const text = html.replace(/[\uE000\uE001]/g, '').replace(/\{\{\{[^}]*\}\}\}|\{\{[^}]*\}\}/g, (tag) => {
    tags.push(tag)
    return `\uE000${tags.length - 1}\uE001`
  })
  return { text, tags }
}

const unseen = new Set(['head', 'style', 'script', 'title', 'template', 'noscript'])
const paragraphs = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'ul', 'ol', 'blockquote', 'pre', 'hr', 'section', 'article'])
const lines = new Set(['div', 'tr', 'br', 'center', 'header', 'footer', 'address', 'dt', 'dd'])
const childless = new Set(['br', 'hr', 'img', 'input', 'meta', 'link', 'col', 'wbr'])

function walk(html: string): string {
  const out: string[] = []
  const links: { href: string; at: number }[] = []
  /** The element that is being left out, and how many of its name are open inside it. */
  let hidden: { name: string; depth: number } | undefined
  let at = 0
  while (at < html.length) {
    const open = html.indexOf('<', at)
    const end = open === -1 ? html.length : open
    if (hidden === undefined) out.push(html.slice(at, end).replace(/\s+/g, ' '))
    if (open === -1) break
    const tag = tagAt(html, open)
    at = tag.end
    if (tag.name === '') {
      if (tag.literal && hidden === undefined) out.push('<')
      continue
    }
    if (hidden !== undefined) {
      if (tag.name === hidden.name) hidden.depth += tag.closing ? -1 : 1
      if (hidden.depth === 0) hidden = undefined
      continue
    }
    if (!tag.closing && !childless.has(tag.name) && (unseen.has(tag.name) || /display\s*:\s*none/i.test(tag.attributes))) {
      hidden = { name: tag.name, depth: 1 }
      continue
    }
    if (tag.name === 'a') {
      if (!tag.closing) links.push({ href: attributeOf(tag.attributes, 'href'), at: out.length })
      else out.push(addressOf(links.pop(), out))
    } else out.push(spacingOf(tag))
  }
  return out
    .join('')
    .replace(/ *\n */g, '\n')
    .replace(/ {2,}/g, ' ')
}

interface Tag {
  readonly name: string
  readonly closing: boolean
  readonly attributes: string
  readonly end: number
  /** A "<" that opens nothing. */
  readonly literal: boolean
}

function tagAt(html: string, open: number): Tag {
  const comment = html.startsWith('<!--', open)
  const found = comment ? html.indexOf('-->', open + 4) : html.indexOf('>', open)
  const end = found === -1 ? html.length : found + (comment ? 3 : 1)
  const nothing = { name: '', closing: false, attributes: '', end, literal: false }
  if (comment) return nothing
  const body = html.slice(open + 1, end - 1)
  const name = /^\/?[a-z][a-z0-9:-]*/i.exec(body)?.[0]
  if (name === undefined) return /^[!?/]/.test(body) ? nothing : { ...nothing, end: open + 1, literal: true }
  const closing = name.startsWith('/')
  return { name: name.slice(closing ? 1 : 0).toLowerCase(), closing, attributes: body.slice(name.length), end, literal: false }
}

function attributeOf(attributes: string, name: 'href' | 'alt'): string {
  const pattern = name === 'href' ? /\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i : /\salt\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i
  const match = pattern.exec(attributes)
  return (match?.[1] ?? match?.[2] ?? match?.[3] ?? '').trim()
}

/** The address of a link, unless its words already say it or it leads nowhere in a text. */
function addressOf(link: { href: string; at: number } | undefined, out: readonly string[]): string {
  if (link === undefined || link.href === '' || link.href.startsWith('#')) return ''
  const words = out.slice(link.at).join('').trim()
  const address = link.href.replace(/^mailto:/i, '')
  if (words === address) return ''
  return words === '' ? address : ` (${address})`
}

function spacingOf(tag: Tag): string {
  if (paragraphs.has(tag.name)) return '\n\n'
  if (lines.has(tag.name)) return tag.closing && tag.name === 'br' ? '' : '\n'
  if (tag.name === 'li') return tag.closing ? '' : '\n- '
  if (tag.name === 'td' || tag.name === 'th') return ' '
  return tag.name === 'img' ? attributeOf(tag.attributes, 'alt') : ''
}
