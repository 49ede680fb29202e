import { expect, onTestFinished, test } from 'vitest'
import { startMailPage } from '../../../cmd/demo/mail-page.ts'

async function open() {
  const raw = Buffer.from('Subject: Hello\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>')
  const mail = {
    at: Date.UTC(2030, 0, 1, 12, 34, 56),
    messageId: '<one@example.com>',
    from: 'a@example.com',
    recipients: ['b@example.com'],
    subject: 'Hello',
    headers: {},
    size: raw.length,
    raw,
  }
  const counters = { connections: 1, mails: 1, accepted: 1, secured: 0, logins: 0 }
  const page = await startMailPage({ mails: [mail], counters })
  onTestFinished(() => page.close())
  return async (path: string) => {
    const response = await fetch(page.url + path)
    return { status: response.status, text: await response.text() }
  }
}

test('times of mails are shown with their zone', async () => {
  const get = await open()
  expect((await get('')).text).toContain('<time datetime="2030-01-01T12:34:56.000Z">12:34:56 UTC</time>')
})

test('an invalid percent-encoding leads to the page for missing mails', async () => {
  const get = await open()
  for (const path of ['mail/%', 'html/%zz', 'mail/unknown']) {
    expect(await get(path)).toEqual({ status: 404, text: expect.stringContaining('No such mail') })
  }
  expect((await get(`mail/${encodeURIComponent('<one@example.com>')}`)).status).toBe(200)
})
