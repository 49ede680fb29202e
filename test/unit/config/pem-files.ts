import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority } from '../../../stack/certificates.ts'

/** Files as an operator would have them, and some invalid ones, in a folder of the test's own. */
export async function pemFiles() {
  const folder = mkdtempSync(join(tmpdir(), 'config-tls-test-'))
  const [own, other] = await Promise.all([createAuthority('Own'), createAuthority('Other')])
  const [client, stranger] = await Promise.all([own.client('worker'), other.client('worker')])
  const file = (name: string, content: string) => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  return {
    folder,
    file,
    remove: () => rmSync(folder, { recursive: true }),
    text: { ca: own.ca, cert: client.cert, key: client.key },
    ca: file('ca.pem', own.ca),
    /** As an authority hands out its chains: with words between. */
    bundle: file('bundle.pem', `The first\n${own.ca}\n\nThe second\n${other.ca}\n`),
    cert: file('client.pem', client.cert),
    key: file('client.key', client.key),
    strangersKey: file('stranger.key', stranger.key),
    none: join(folder, 'none.pem'),
    empty: file('empty.pem', '\n'),
    words: file('words.pem', 'no certificate, hush'),
    broken: file('broken.pem', own.ca.replace(/\n[A-Za-z0-9+/]{64}\n/, '\nAAAA\n')),
    locked: file('locked.key', '-----BEGIN ENCRYPTED PRIVATE KEY-----\nhush\n-----END ENCRYPTED PRIVATE KEY-----\n'),
    oldLocked: file('old.key', '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nhush\n-----END RSA PRIVATE KEY-----\n'),
  }
}
