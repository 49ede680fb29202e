import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { currentSite, siteAssets } from '../../../cmd/docs/run.ts'
import type { SearchEntry } from '../../../cmd/docs/search-entries.ts'
import { siteOf, type SiteFile } from '../../../cmd/docs/site.ts'
import { listedConsumers } from '../../../src/consumers/registry.ts'
import { header } from '../../../src/events/header.ts'
import { methodName } from '../../../src/events/input-names.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import { strangeCatalogue } from '../../support/strange-catalogue.ts'

const assets = await siteAssets()
const site = await currentSite()
const strange = siteOf(strangeCatalogue, assets, 'asyncapi: 3.0.0\n')
const pagesOf = (files: readonly SiteFile[]) => files.filter(({ path }) => path.endsWith('.html'))
const page = (files: readonly SiteFile[], path: string) => files.find((file) => file.path === path)?.text ?? ''
/** What is written on a page: without the style, the script and the search's data, tags and the blanks between them. */
const written = (html: string) =>
  html
    .replaceAll(/<(script|style)[\s\S]*?<\/\1>|<[^>]*>/g, ' ')
    .replaceAll(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .replaceAll(/\s+/g, ' ')
/** What the search of the site finds. */
const entries: readonly SearchEntry[] = JSON.parse(
  /<script type="application\/json" id="entries">(.*?)<\/script>/.exec(page(site, 'index.html'))?.[1] ?? '[]',
)
/** As the page of an event has them. */
const consumersOf = (type: string) => /.* Consumers (.*) History /.exec(written(page(strange, `events/${type}.html`)))?.[1]

/** As policies name a text. */
const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

describe('the site of the catalogue', () => {
  it.each(events)('has a page about $type', ({ type, summary, owner, data, personal, examples }) => {
    const text = written(page(site, `events/${type}.html`))
    expect(text).toContain(`Published by ${methodName(type)}({ accountId, campaignId, `)
    const fields = Object.keys(data.properties).map((field) => (personal.some((one) => one === field) ? `${field} personal` : field))
    for (const part of [type, summary, owner.team, owner.contact, ...fields, ...examples.map(({ id }) => id)]) expect(text).toContain(part)
    expect(page(site, 'index.html')).toContain(`href="events/${type}.html"`)
  })

  it('says of an event who reads it, where it is, for how long, and where it is defined', () => {
    const text = written(page(site, 'events/reward.earned.html'))
    for (const { name } of listedConsumers) expect(text.includes(name)).toBe(name !== 'position-workers')
    for (const part of [
      'Topic domain-events',
      'Key campaign_id',
      'Identity user_reward_id',
      'domain , 30 days',
      'src/events/catalogue/reward/',
    ])
      expect(text).toContain(part)
    expect(page(site, 'source/reward.earned.html')).toContain('export const rewardEarned = defineEvent({')
    expect(written(page(site, 'events/reward.earned.html'))).toContain('1.0.0 It is new: A person earned a reward.')
  })

  it('names only consumers of the topic of an event, whatever types they handle', () => {
    expect(consumersOf('account.profile.changed')).toContain('acts by')
    expect(consumersOf('account.profile.changed')).not.toContain('counting-workers')
    expect(consumersOf('account.renamed')).toMatch(/^counting-workers keeps rows/)
  })

  it('has every consumer and every owner with their events', () => {
    expect(written(page(site, 'consumers.html'))).toMatch(
      /position-workers Handles referral\.verified .* domain-events\.position-workers\.dlq/,
    )
    expect(written(page(site, 'owners.html'))).toMatch(/rewards Contact rewards-team@example\.com reward\.earned/)
  })

  it('lists every personal field with those who read it', () => {
    expect(written(page(site, 'personal.html'))).toContain('email user.signed_up domain-events , 30 days email-workers analytics-workers')
  })

  it('marks personal fields with all that is in them, the key and the identity', () => {
    const text = written(page(strange, 'events/account.profile.changed.html'))
    for (const part of ['campaign_id key identity uuid', 'lines personal list of object', 'lines[].price personal number'])
      expect(text).toContain(part)
  })

  it('says of a deprecated event since when and what to use, and of the successor what it replaces', () => {
    expect(written(page(strange, 'events/account.renamed.html'))).toMatch(
      /Deprecated since 2026-05-01 ?\. .* Use account\.profile\.changed instead/,
    )
    expect(written(page(strange, 'events/account.profile.changed.html'))).toContain('It takes the place of account.renamed')
  })

  it('has the history of an event over all releases, with what broke', () => {
    const [, history = ''] = written(page(strange, 'events/account.renamed.html')).split(' History ')
    expect(history).toMatch(/^2\.1\.0 \(not released yet\) .*deprecated on 2026-05-01.* 2\.0\.0 \/email is gone.* 1\.0\.0 It is new/)
    expect(written(page(strange, 'releases.html'))).toContain(
      'account.gone is removed, and was not deprecated in the release before. breaks an old reader',
    )
  })

  it.each([
    ['the catalogue', site],
    ['a strange catalogue', strange],
  ])('has no link that leads nowhere: %s', (_, files) => {
    const texts = new Map(files.map(({ path, text }) => [path, text]))
    const links = pagesOf(files).flatMap(({ path, text }) =>
      [...text.replaceAll(/<(script|style)[\s\S]*?<\/\1>/g, '').matchAll(/\shref="([^"]*)"/g)].map(([, href = '']) => ({ path, href })),
    )
    const inner = links.filter(({ href }) => !/^(?:mailto:|data:)/.test(href))
    expect(inner.length).toBeGreaterThan(100)
    const lost = inner.filter(({ path, href }) => {
      const [file = '', anchor] = href.split('#')
      const target = file === '' ? path : posix.join(posix.dirname(path), decodeURIComponent(file))
      const text = texts.get(target)
      return text === undefined || (anchor !== undefined && !text.includes(` id="${anchor}"`))
    })
    expect(lost).toEqual([])
    expect(inner.filter(({ href }) => href.startsWith('/') || href.includes(':'))).toEqual([])
  })

  it('has every header of a record on the page of the envelope', () => {
    const text = written(page(site, 'envelope.html'))
    for (const name of Object.values(header)) expect(text).toMatch(new RegExp(` ${name} (?:required|optional) `))
  })

  it.each([
    ['envelope', 'Envelope'],
    ['accountid', 'Envelope'],
    ['asyncapi', 'AsyncAPI document'],
    ['correlation', 'correlation-id'],
    ['event-version', 'event-version'],
    ['header', 'causation-id'],
    ['pointsperreferral', 'referral.verified'],
    ['publishusersignedup', 'user.signed_up'],
  ])('is found by %s: %s', (text, title) => {
    const found = entries.filter((entry) => `${entry.title} ${entry.summary} ${entry.words}`.toLowerCase().includes(text))
    expect(found.map((entry) => entry.title)).toContain(title)
  })

  it('leads to each thing that the search finds', () => {
    expect(entries.map(({ title }) => title)).toEqual([
      ...events.map(({ type }) => type),
      ...listedConsumers.map(({ name }) => name),
      ...new Set(events.map(({ owner }) => owner.team)),
      ...Object.values(header),
      'Consumers',
      'Owners',
      'Personal data',
      'Envelope',
      'Releases',
      'AsyncAPI document',
    ])
    const lost = entries.filter(({ path }) => {
      const [file = '', anchor] = path.split('#')
      const heading = file.endsWith('.yaml') ? 'asyncapi: 3.0.0' : '<h1>'
      return !page(site, file).includes(anchor === undefined ? heading : ` id="${anchor}"`)
    })
    expect(lost).toEqual([])
  })

  it('keeps text that is markup text: hostile names, summaries, fields, examples, owners and sources open no tag', () => {
    for (const { path, text } of pagesOf(strange)) {
      const [before, rest = ''] = text.split('<script type="application/json" id="entries">')
      expect([path, before]).not.toEqual([path, expect.stringMatching(/<img|\son\w+="|href="javascript:/)])
      expect([path, rest.match(/<\/script>/g)?.length]).toEqual([path, 2])
      expect([path, text]).not.toEqual([path, expect.stringContaining('<img')])
    }
    expect(pagesOf(strange).filter(({ text }) => text.includes('&#60;img src=x')).length).toBeGreaterThan(5)
  })

  it('allows in its policy exactly the style and the script of the page, and nothing from elsewhere', () => {
    for (const { path, text } of pagesOf(site)) {
      const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(text)?.[1]?.replaceAll('&#39;', "'")
      const [style = ''] = [...text.matchAll(/<style>([\s\S]*?)<\/style>/g)].map(([, body]) => body)
      const [script = ''] = [...text.matchAll(/<script type="module">([\s\S]*?)<\/script>/g)].map(([, body]) => body)
      expect([path, policy]).toEqual([
        path,
        `default-src 'none'; style-src ${hash(style)}; script-src ${hash(script)}; img-src data:; base-uri 'none'; form-action 'none'`,
      ])
      // A policy in a meta element holds for what follows it.
      expect(text.indexOf('Content-Security-Policy')).toBeLessThan(text.indexOf('<link'))
    }
  })

  it('is the same each time it is made', async () => {
    expect(await currentSite()).toEqual(site)
  })
})
