import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { findChromium } from '../../../cmd/pictures/chromium.ts'

test('Chromium is found under any of its names, where it can be run', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'kafka-worker-chromium-'))
  try {
    await writeFile(path.join(folder, 'chromium'), '', { mode: 0o644 })
    await expect(findChromium(['/nowhere', folder])).rejects.toThrow(
      'Chromium was not found in PATH as chromium, chromium-browser, google-chrome: install it (Debian: apt-get install chromium).',
    )
    await writeFile(path.join(folder, 'google-chrome'), '', { mode: 0o755 })
    expect(await findChromium(['/nowhere', folder])).toBe(path.join(folder, 'google-chrome'))
  } finally {
    await rm(folder, { recursive: true })
  }
})
