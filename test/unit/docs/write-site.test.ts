import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { eventSources } from '../../../cmd/docs/event-sources.ts'
import { currentSite, run } from '../../../cmd/docs/run.ts'
import { writeSite } from '../../../cmd/docs/write-site.ts'
import { events } from '../../../src/events/catalogue/events.ts'

const site = await currentSite()
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-worker-site-'))
})
afterEach(() => rm(folder, { recursive: true }))

const written = async () => (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length

test('a site is written whole, and again over itself', async () => {
  const out = join(folder, 'a', 'site')
  await writeSite(out, site)
  await writeSite(out, site)
  expect(await written()).toBe(site.length)
  expect(await readFile(join(out, 'index.html'), 'utf8')).toBe(site.find(({ path }) => path === 'index.html')?.text)
})

test('pages of events that are gone are removed, and files of others stay', async () => {
  await writeSite(folder, site)
  await writeFile(join(folder, 'CNAME'), 'events.example.com')
  await writeFile(join(folder, 'events', 'mine.html'), '<h1>Mine</h1>')
  await writeSite(
    folder,
    site.filter(({ path }) => !path.includes('user.verified')),
  )
  const left = events.map(({ type }) => type).filter((type) => type !== 'user.verified')
  expect(new Set(await readdir(join(folder, 'events')))).toEqual(new Set(['mine.html', ...left.map((type) => `${type}.html`)]))
  expect(await readFile(join(folder, 'CNAME'), 'utf8')).toBe('events.example.com')
})

test('a folder with the page of something else is refused before anything is written', async () => {
  await writeFile(join(folder, 'owners.html'), '<h1>Of a house</h1>')
  await expect(writeSite(folder, site)).rejects.toThrow(
    `${join(folder, 'owners.html')} is a page of something else. Name another folder: npm run docs -- --out FOLDER`,
  )
  expect(await written()).toBe(1)
})

test('the command says where the site is, and in a sentence why it is not', async () => {
  const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  const errors = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  try {
    expect(await run(['--out', join(folder, 'site')])).toBe(0)
    expect(out).toHaveBeenCalledWith(expect.stringContaining(`${join(folder, 'site', 'index.html')} is written: `))
    expect(await readFile(join(folder, 'site', 'asyncapi.yaml'), 'utf8')).toBe(await readFile('config/events/asyncapi.yaml', 'utf8'))
    expect(errors).not.toHaveBeenCalled()
    await writeFile(join(folder, 'file'), '')
    expect(await run(['--out', join(folder, 'file')])).toBe(1)
    expect(errors).toHaveBeenCalledWith(
      expect.stringMatching(/^\S+file cannot hold the site: .*\. Name another folder: npm run docs -- --out FOLDER\n$/),
    )
  } finally {
    out.mockRestore()
    errors.mockRestore()
  }
})

test('an event that no file defines is named', async () => {
  await expect(eventSources(process.cwd(), ['user.signed_up', 'user.lost'])).rejects.toThrow(
    'user.lost is defined in 0 files of src/events/catalogue: give it one of its own.',
  )
})
