import { createHash } from 'node:crypto'
import { commonPages } from './common-pages.ts'
import { eventPath, rootFrom } from './links.ts'
import { jsonData, markup, verbatim, type Markup } from './markup.ts'
import type { SearchEntry } from './search-entries.ts'
import { byDomain, type SiteModel } from './site-model.ts'

/** A page without what all pages have. */
export interface Page {
  /** From the folder of the site. */
  readonly path: string
  readonly title: string
  readonly main: Markup
}

/** Style and script of every page. */
export interface Assets {
  readonly style: string
  readonly script: string
}

export interface Frame {
  readonly model: SiteModel
  readonly entries: readonly SearchEntry[]
  readonly assets: Assets
}

/** By this a folder is known to hold a site of ours. */
export const GENERATOR = 'kafka-worker docs'

/**
 * The whole page. Its policy allows the style and the script in it and nothing else: no request leaves the page, whatever is in it. They are
 * named by their hashes, because `'self'` means different things to browsers where a page is a file. https://www.w3.org/TR/CSP3/
 */
export function framed(page: Page, { model, entries, assets }: Frame): Markup {
  const root = rootFrom(page.path)
  const policy = [
    "default-src 'none'",
    `style-src ${sourceOf(assets.style)}`,
    `script-src ${sourceOf(assets.script)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ]
  return markup`<!doctype html>
<html lang="en" data-root="${root}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="${GENERATOR}">
<meta name="referrer" content="no-referrer">
<title>${page.title === NAME ? NAME : `${page.title} - ${NAME}`}</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}">
<style>${verbatim(assets.style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="${root}index.html">${NAME}</a>
<span class="release">${model.version}</span>
<form class="search" role="search" hidden>
<label class="unseen" for="search">Search events, fields, headers, methods, consumers and owners</label>
<input id="search" type="search" placeholder="Search" autocomplete="off" spellcheck="false" aria-keyshortcuts="/" aria-controls="results">
<kbd aria-hidden="true">/</kbd>
<p class="unseen" id="found" role="status"></p>
<ul id="results" hidden></ul>
</form>
<button class="menu" type="button" popovertarget="menu">Menu</button>
</header>
<div class="columns">
<nav id="menu" popover aria-label="Catalogue"><button class="close" type="button" popovertarget="menu" popovertargetaction="hide">Close</button>${navigation(model, page.path, root)}</nav>
<main id="main" tabindex="-1">
${page.main}
</main>
</div>
<script type="application/json" id="entries">${jsonData(entries)}</script>
<script type="module">${verbatim(assets.script)}</script>
</body>
</html>
`
}

const NAME = 'Event catalogue'

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#3257c9"/><path d="M4 5h8M4 8h8M4 11h5" stroke="#fff" stroke-width="1.5"/></svg>'

function sourceOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

function navigation(model: SiteModel, path: string, root: string): Markup {
  const attributes = (to: string) => markup`href="${root}${to}"${to === path ? verbatim(' aria-current="page"') : null}`
  const domains = [...byDomain(model.events)].map(([domain, events]) => {
    const links = events.map(({ event: { type, deprecated } }) => {
      const name = markup`<code${deprecated === undefined ? null : verbatim(' class="old"')}>${type.slice(domain.length + 1)}</code>`
      return markup`<li><a ${attributes(eventPath(type))} aria-label="${type}">${name}</a></li>`
    })
    return markup`<p class="group">${domain}</p><ul>${links}</ul>`
  })
  const others = commonPages.map(({ path: to, name }) => markup`<li><a ${attributes(to)}>${name}</a></li>`)
  return markup`<ul><li><a ${attributes('index.html')}>Overview</a></li></ul>${domains}<p class="group">All events</p><ul>${others}</ul>`
}
