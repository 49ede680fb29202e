import { decodeEntities } from './html-entities.ts'

/**
 * A readable text for an HTML template that has none, made from the source, so that the mustache tags stay: paragraphs and
 * lines where the blocks are, "words (address)" for links, the alt text for images. Style, scripts, comments and elements
 * with `display: none` (a hidden preheader) are left out. One pass over the markup, for a source whose mustache tags have parsed.
 */
export function textFromHtml(html: string): string {
  const { text, tags } = setTagsAside(html)
  // A reference that decodes to braces must not become a tag.
  const plain = decodeEntities(walk(text)).replace(/\{\{/g, '{ {')
  return tidyText(plain).replace(marks, (_, index: string) => tags[Number(index)] ?? '')
}

/** No blanks at the ends of lines, one empty line between paragraphs, none at either end. Linear in the length, whatever blanks it holds. */
export function tidyText(text: string): string {
  return `${text
    .replace(/(?<![ \t])[ \t]+\n/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()}\n`
}

/** A tag is carried through as a mark in two private-use characters, which no step below touches. */
const marks = /\uE000(\d+)\uE001/g

function setTagsAside(html: string): { text: string; tags: readonly string[] } {
  const tags: string[] = []
  const text = html.replace(/[\uE000-\uE002]/g, '').replace(/\{\{\{[\s\S]*?\}\}\}|\{\{[\s\S]*?\}\}/g, (tag) => {
    tags.push(tag)
    return `\uE000${tags.length - 1}\uE001`
  })
  return { text, tags }
}

/** Where a block begins or ends: several in a row are one line break. */
const lineEdge = '\uE002'

const unseen = new Set(['head', 'style', 'script', 'title', 'template', 'noscript'])
const paragraphs = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'ul', 'ol', 'blockquote', 'pre', 'hr', 'section', 'article'])
const lines = new Set(['div', 'tr', 'center', 'header', 'footer', 'address', 'dt', 'dd'])
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
    if (hidden === undefined && end > at) out.push(html.slice(at, end).replace(/\s+/g, ' '))
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
    .replace(/ {2,}/g, ' ')
    .split(lineEdge)
    .map((line) => line.replace(/^ | $/g, '').replace(/ ?\n ?/g, '\n'))
    .filter((line) => line !== '')
    .join('\n')
}

interface Tag {
  readonly name: string
  readonly closing: boolean
  readonly attributes: string
  readonly end: number
  /** A "<" that opens nothing. */
  readonly literal: boolean
}

const tagName = /(\/?)([a-z][a-z0-9:-]*)|[!?/]/iy

function tagAt(html: string, open: number): Tag {
  const nothing = { name: '', closing: false, attributes: '', literal: false }
  tagName.lastIndex = open + 1
  const named = tagName.exec(html)
  if (named === null) return { ...nothing, end: open + 1, literal: true }
  const comment = html.startsWith('<!--', open)
  const found = comment ? html.indexOf('-->', open + 4) : html.indexOf('>', open)
  const end = found === -1 ? html.length : found + (comment ? 3 : 1)
  const name = named[2]
  if (name === undefined) return { ...nothing, end }
  return { name: name.toLowerCase(), closing: named[1] === '/', attributes: html.slice(tagName.lastIndex, end - 1), end, literal: false }
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
  if (tag.name === 'br') return tag.closing ? '' : '\n'
  if (lines.has(tag.name)) return lineEdge
  if (tag.name === 'li') return tag.closing ? '' : '\n- '
  if (tag.name === 'td' || tag.name === 'th') return ' '
  return tag.name === 'img' ? attributeOf(tag.attributes, 'alt') : ''
}
