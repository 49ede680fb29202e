import { createServer } from 'node:http'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { currentSite, siteAssets } from '../../cmd/docs/run.ts'
import { siteOf, type SiteFile } from '../../cmd/docs/site.ts'
import { writeSite } from '../../cmd/docs/write-site.ts'
import { axeFindings, launchChromium, openPage, widthOf } from '../support/site-browser.ts'
import { strangeCatalogue } from '../support/strange-catalogue.ts'

const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }
const site = await currentSite()
const strange = siteOf(strangeCatalogue, await siteAssets(), 'asyncapi: 3.0.0\n')
const pagesOf = (files: readonly SiteFile[]) => files.map(({ path }) => path).filter((path) => path.endsWith('.html'))
/** One page of each kind, and the strange ones. */
const kinds = [
  ...['index', 'consumers', 'owners', 'personal', 'envelope', 'releases', 'events/user.signed_up', 'source/user.signed_up'].map(
    (path) => `site/${path}.html`,
  ),
  ...pagesOf(strange).map((path) => `strange/${path}`),
]

const browser = await launchChromium()
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-worker-site-'))
  await writeSite(join(folder, 'site'), site)
  await writeSite(join(folder, 'strange'), strange)
})
afterAll(async () => {
  await browser.close()
  await rm(folder, { recursive: true })
})

/** The address of a file, of the site of the catalogue unless another is named. */
const at = (path: string) => `${pathToFileURL(folder).href}/${path}`
const heading = (page: Page) => page.locator('h1').innerText()

describe('the site, opened as files', () => {
  it('requests nothing but its own files, and its scripts report no error', async () => {
    await using opened = await openPage(browser)
    for (const path of pagesOf(site)) await opened.page.goto(at(`site/${path}`), { waitUntil: 'networkidle' })
    expect(opened.requested).toEqual(pagesOf(site).map((path) => at(`site/${path}`)))
    expect(opened.errors).toEqual([])
  })

  it('could request nothing else: its policy refuses pictures, scripts, styles, frames, forms and calls', async () => {
    await using opened = await openPage(browser)
    await opened.page.goto(at('site/index.html'))
    const refused = await opened.page.evaluate<readonly string[]>(`(async () => {
      const refused = []
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => refused.push(effectiveDirective))
      const add = (name, fields) => document.body.append(Object.assign(document.createElement(name), fields))
      const url = 'http://127.0.0.1:9/'
      add('img', { src: url }), add('script', { src: url }), add('link', { rel: 'stylesheet', href: url }), add('iframe', { src: url })
      add('script', { textContent: 'globalThis.taken = true' }), add('style', { textContent: 'body { color: red }' })
      await fetch(url).catch(String)
      add('form', { action: url }), [...document.forms].at(-1).submit()
      await new Promise((resolve) => setTimeout(resolve, 500))
      return globalThis.taken ? ['the script ran'] : refused
    })()`)
    expect(refused.toSorted()).toEqual(
      [
        'connect-src',
        'form-action',
        'frame-src',
        'img-src',
        'script-src-elem',
        'script-src-elem',
        'style-src-elem',
        'style-src-elem',
      ].toSorted(),
    )
  })

  it('leads from the overview to an event, to its consumer, and back', async () => {
    await using opened = await openPage(browser)
    const { page } = opened
    await page.goto(at('site/index.html'))
    await page.locator('main').getByRole('link', { name: 'referral.verified' }).click()
    await page.waitForURL(at('site/events/referral.verified.html'))
    expect(await heading(page)).toBe('referral.verified')
    expect(await page.getByRole('row', { name: /points_per_referral/ }).innerText()).toMatch(/number\s+required/)
    await page.locator('main').getByRole('link', { name: 'position-workers' }).click()
    await page.waitForURL(at('site/consumers.html#group-position-workers'))
    expect(await page.locator('#group-position-workers').innerText()).toContain('recalculate by leaderboard')
    await page.goBack()
    expect(await heading(page)).toBe('referral.verified')
    await page.getByRole('link', { name: 'src/events/catalogue/referral/referral-verified.ts' }).click()
    await page.waitForURL(at('site/source/referral.verified.html'))
    expect(await page.locator('main pre').innerText()).toBe(await readFile('src/events/catalogue/referral/referral-verified.ts', 'utf8'))
    await page.getByRole('navigation').getByRole('link', { name: 'Owners' }).click()
    await page.waitForURL(at('site/owners.html'))
    expect(await heading(page)).toBe('Owners')
  })

  it('is searched by the keyboard, from every page', async () => {
    await using opened = await openPage(browser)
    const { page } = opened
    const results = page.locator('#results a')
    await page.goto(at('site/source/user.verified.html'))
    await page.keyboard.press('/')
    await page.keyboard.type('points nobody')
    expect(await results.count()).toBe(0)
    expect(await page.getByRole('status').innerText()).toBe('Nothing found')
    await page.keyboard.press('Escape')
    await page.keyboard.type('REWARD')
    expect(await page.getByRole('status').innerText()).toBe('5 found')
    expect(await results.locator('code').allInnerTexts()).toEqual([
      'reward.earned',
      'reward-workers',
      'rewards',
      'email-workers',
      'analytics-workers',
    ])
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.waitForURL(at('site/consumers.html#group-reward-workers'))
    // Names that begin with the word are before others that have it.
    await page.getByRole('searchbox', { name: 'Search events, fields, headers, methods, consumers and owners' }).fill('wa')
    expect((await results.locator('code').allInnerTexts()).slice(0, 2)).toEqual(['waitlist', 'reward.earned'])
    // From a result back into an empty field.
    await page.keyboard.press('ArrowDown')
    expect(await page.evaluate('document.activeElement.textContent')).toContain('waitlist')
    await page.keyboard.press('Escape')
    expect([await page.locator('#search').inputValue(), await page.locator('#results').isVisible()]).toEqual(['', false])
    // By the name of a field.
    await page.keyboard.type('points_per_referral')
    await page.keyboard.press('Enter')
    await page.waitForURL(at('site/events/referral.verified.html'))
    expect(opened.errors).toEqual([])
  })

  it('copies an example as it is on the wire', async () => {
    await using opened = await openPage(browser)
    const { page } = opened
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.goto(at('site/events/user.signed_up.html'))
    await page.getByRole('button', { name: 'Copy example' }).click()
    await page.getByRole('status').filter({ hasText: 'Copied' }).waitFor({ state: 'attached' })
    const copied = JSON.parse(await page.evaluate<string>('navigator.clipboard.readText()'))
    expect(copied).toMatchObject({ type: 'user.signed_up', data: { email: 'ada@example.com' } })
  })

  it('copies where browsers give pages no clipboard: without TLS', async () => {
    await using opened = await openPage(browser)
    const { page } = opened
    await page.addInitScript("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await page.goto(at('site/events/user.signed_up.html'))
    await page.getByRole('button', { name: 'Copy headers' }).click()
    await page.getByRole('status').filter({ hasText: 'Copied' }).waitFor({ state: 'attached' })
    await page.keyboard.press('/')
    await page.keyboard.press('Control+V')
    expect(await page.locator('#search').inputValue()).toMatch(/^event-type: user\.signed_up ?event-version: 1/)
  })

  it('is whole without JavaScript, but for the search', async () => {
    await using opened = await openPage(browser, { ...phone, javaScriptEnabled: false })
    const { page } = opened
    await page.goto(at('site/index.html'))
    expect(await page.locator('#search').isVisible()).toBe(false)
    await page.getByRole('button', { name: 'Menu' }).click()
    await page.getByRole('navigation').getByRole('link', { name: 'reward.earned' }).click()
    await page.waitForURL(at('site/events/reward.earned.html'))
    expect(await heading(page)).toBe('reward.earned')
    expect(await page.getByRole('button', { name: /Copy/ }).count()).toBe(0)
  })

  it('runs nothing that stands in the catalogue, on the page or in the search', async () => {
    await using opened = await openPage(browser)
    const { page } = opened
    for (const path of pagesOf(strange)) {
      await page.goto(at(`strange/${path}`))
      await page.keyboard.press('/')
      await page.keyboard.type('onerror')
      expect(await page.locator('#results a').count()).toBeGreaterThan(2)
      const found = "JSON.stringify([globalThis.taken ?? null, document.querySelectorAll('img, [onmouseover], [onerror]').length])"
      expect([path, await page.evaluate(found)]).toEqual([path, '[null,0]'])
    }
    expect(opened.errors).toEqual([])
  })
})

describe('the site on a static host', () => {
  it('works under any path', async () => {
    const answered: string[] = []
    const server = createServer((request, response) => {
      const name = decodeURIComponent(request.url ?? '').replace(/^\/docs\/events-site\//, '')
      const file = site.find(({ path }) => path === name)
      answered.push(`${file === undefined ? 404 : 200} ${request.url}`)
      response.writeHead(file === undefined ? 404 : 200, { 'content-type': name.endsWith('.html') ? 'text/html' : 'text/plain' })
      response.end(file?.text)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const root = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/docs/events-site/`
    try {
      await using opened = await openPage(browser)
      const { page } = opened
      await page.goto(`${root}index.html`)
      await page.locator('main').getByRole('link', { name: 'user.verified' }).click()
      await page.waitForURL(`${root}events/user.verified.html`)
      await page.keyboard.press('/')
      await page.keyboard.type('milestone')
      await page.keyboard.press('Enter')
      await page.waitForURL(`${root}events/campaign.milestone_reached.html`)
      expect(opened.errors).toEqual([])
      expect(answered).toEqual([
        '200 /docs/events-site/index.html',
        '200 /docs/events-site/events/user.verified.html',
        '200 /docs/events-site/events/campaign.milestone_reached.html',
      ])
      await page.locator('main').getByRole('link', { name: 'AsyncAPI document' }).click()
      await page.waitForURL(`${root}asyncapi.yaml`)
      expect(await page.innerText('body')).toContain('asyncapi: 3.0.0')
    } finally {
      server.close()
      server.closeAllConnections()
    }
  })
})

describe('the site for every reader', () => {
  it('is dark where the system is', async () => {
    const seen = []
    for (const colorScheme of ['light', 'dark'] as const) {
      await using opened = await openPage(browser, { colorScheme })
      await opened.page.goto(at('site/events/user.signed_up.html'))
      const picture = await opened.page.screenshot()
      const colour = await opened.page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor')
      seen.push({ picture, brightness: Math.max(...(colour.match(/\d+/g) ?? []).map(Number)) })
    }
    const [light, dark] = seen
    expect(light?.picture.equals(dark?.picture ?? Buffer.alloc(0))).toBe(false)
    expect(light?.brightness).toBeGreaterThan(240)
    expect(dark?.brightness).toBeLessThan(40)
  })

  it.each(kinds)('has no line wider than a phone or a tablet: %s', async (path) => {
    await using opened = await openPage(browser, phone)
    const { page } = opened
    await page.goto(at(path))
    expect(await widthOf(page)).toBeLessThanOrEqual(phone.viewport.width)
    // The narrowest screen with columns.
    await page.setViewportSize({ width: 840, height: 1_100 })
    expect(await widthOf(page)).toBeLessThanOrEqual(840)
  })

  it('has cards in place of columns on a phone, which screen readers read as a table', async () => {
    await using opened = await openPage(browser, phone)
    const { page } = opened
    await page.goto(at('site/events/user.signed_up.html'))
    const row = page.getByRole('table').getByRole('row').filter({ hasText: 'email' })
    const [name, type, required] = await Promise.all([
      row.getByRole('rowheader').boundingBox(),
      row.getByRole('cell').nth(0).boundingBox(),
      row.getByRole('cell').nth(1).boundingBox(),
    ])
    expect([type?.x, required?.x]).toEqual([name?.x, name?.x])
    expect([name, type, required].map((box) => box?.width ?? 0).filter((width) => width < 300)).toEqual([])
    expect(await page.getByRole('columnheader').count()).toBe(5)
  })

  it('has room for the search on the narrowest phone', async () => {
    await using opened = await openPage(browser, { ...phone, viewport: { width: 320, height: 560 } })
    const { page } = opened
    await page.goto(at('site/index.html'))
    expect(await widthOf(page)).toBeLessThanOrEqual(320)
    expect((await page.locator('#search').boundingBox())?.width).toBeGreaterThan(150)
    await page.locator('#search').fill('publishUserSignedUp')
    await page.keyboard.press('Enter')
    await page.waitForURL(at('site/events/user.signed_up.html'))
  })

  it('has its catalogue behind a button on a phone', async () => {
    await using opened = await openPage(browser, phone)
    const { page } = opened
    await page.goto(at('site/index.html'))
    const menu = page.getByRole('navigation')
    expect(await menu.isVisible()).toBe(false)
    await page.getByRole('button', { name: 'Menu' }).click()
    expect([await menu.isVisible(), await widthOf(page)]).toEqual([true, phone.viewport.width])
    expect(await axeFindings(page)).toEqual([])
    await page.getByRole('button', { name: 'Close' }).click()
    expect(await menu.isVisible()).toBe(false)
  })

  it.each(kinds)('has no finding by axe, light and dark, on a screen and on a phone: %s', async (path) => {
    await using opened = await openPage(browser)
    const { page } = opened
    await page.goto(at(path))
    for (const viewport of [{ width: 1280, height: 900 }, phone.viewport]) {
      await page.setViewportSize(viewport)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        expect([viewport.width, colorScheme, await axeFindings(page)]).toEqual([viewport.width, colorScheme, []])
      }
    }
  })

  it('has no finding by axe while it is searched', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await using opened = await openPage(browser, { ...phone, colorScheme })
      await opened.page.goto(at('site/index.html'))
      await opened.page.keyboard.press('/')
      await opened.page.keyboard.type('user')
      expect(await opened.page.locator('#results a').count()).toBeGreaterThan(2)
      expect(await axeFindings(opened.page)).toEqual([])
    }
  })
})
