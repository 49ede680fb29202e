import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { findChromium } from './chromium.ts'
import type { Sheet } from './mail-sheet.ts'

export interface ScreenshotOptions {
  readonly scheme: 'light' | 'dark'
  /** The PNG to write. */
  readonly file: string
}

/**
 * Writes a picture of a page by the Chromium of this machine, without the network and with the fonts that are installed.
 *
 * @throws {OperatorError} there is no Chromium
 */
export async function screenshot({ html, width, height }: Sheet, { scheme, file }: ScreenshotOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-worker-picture-'))
  try {
    const page = join(folder, 'page.html')
    await writeFile(page, html)
    await promisify(execFile)(
      await findChromium(),
      [
        '--headless',
        '--hide-scrollbars',
        // The frames are painted before the picture is taken.
        '--run-all-compositor-stages-before-draw',
        '--virtual-time-budget=10000',
        // No name leads anywhere: what a page would load is not in its picture on any machine.
        '--host-resolver-rules=MAP * ~NOTFOUND',
        `--user-data-dir=${join(folder, 'profile')}`,
        // Chromium refuses to run as root with its sandbox; the page is ours.
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        `--window-size=${width},${height}`,
        `--blink-settings=preferredColorScheme=${scheme === 'dark' ? 0 : 1}`,
        `--screenshot=${file}`,
        pathToFileURL(page).href,
      ],
      { timeout: 60_000 },
    )
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}
