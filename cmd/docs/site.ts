import { consumersPage } from './pages/consumers-page.ts'
import { envelopePage } from './pages/envelope-page.ts'
import { eventPage } from './pages/event-page.ts'
import { overviewPage } from './pages/overview-page.ts'
import { ownersPage } from './pages/owners-page.ts'
import { personalPage } from './pages/personal-page.ts'
import { releasesPage } from './pages/releases-page.ts'
import { sourcePage } from './pages/source-page.ts'
import { framed, type Assets } from './page-frame.ts'
import { searchEntries } from './search-entries.ts'
import { siteModel, type SiteInput } from './site-model.ts'

/** A file of the site, by its path from the folder of the site. */
export interface SiteFile {
  readonly path: string
  readonly text: string
}

/**
 * The documentation of a catalogue, as files that need no server: they name each other by relative links, load nothing, and hold the
 * script and the style they need. The same input gives the same files.
 *
 * @param asyncApi the AsyncAPI document of the catalogue, which the site offers beside its pages
 */
export function siteOf(input: SiteInput, assets: Assets, asyncApi: string): readonly SiteFile[] {
  const model = siteModel(input)
  const entries = searchEntries(model)
  const pages = [
    overviewPage(model),
    ...model.events.flatMap((listed) => [eventPage(listed, model), ...(listed.source === null ? [] : [sourcePage(listed, listed.source)])]),
    consumersPage(model),
    ownersPage(model),
    personalPage(model),
    envelopePage(),
    releasesPage(model),
  ]
  return [
    ...pages.map((page) => ({ path: page.path, text: framed(page, { model, entries, assets }).text })),
    { path: 'asyncapi.yaml', text: asyncApi },
  ]
}
