import axe from 'axe-core'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { findChromium } from '../../cmd/pictures/chromium.ts'

/** The Chromium of this machine. @throws {OperatorError} there is none; it says how to install it */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: await findChromium() })
}

/** A page in a browser profile of its own, with the addresses that it requested and the errors of its scripts. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page
  readonly requested: readonly string[]
  readonly errors: readonly string[]
}

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext(options)
  const [requested, errors]: [string[], string[]] = [[], []]
  context.on('request', (request) => requested.push(request.url()))
  context.on('weberror', (error) => errors.push(error.error().message))
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) errors.push(message.text())
  })
  return { page: await context.newPage(), requested, errors, [Symbol.asyncDispose]: () => context.close() }
}

/** What axe finds wrong in a page by all its rules: one line for each rule that is broken, with the elements that break it. */
export async function axeFindings(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<axe.AxeResults>('axe.run()')
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' ')}`)
}

/** Of the whole page, in pixels; more than that of the screen when it can be scrolled to the side. */
export async function widthOf(page: Page): Promise<number> {
  return page.evaluate<number>('Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)')
}
