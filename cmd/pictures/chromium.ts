import { access, constants } from 'node:fs/promises'
import path from 'node:path'
import { OperatorError } from '../../src/std/failure.ts'

/** Debian's name, and those of other systems. */
const browsers = ['chromium', 'chromium-browser', 'google-chrome']

/**
 * The Chromium of this machine.
 *
 * @param folders in which programs are looked for
 * @throws {OperatorError} there is none
 */
export async function findChromium(folders: readonly string[] = (process.env['PATH'] ?? '').split(path.delimiter)): Promise<string> {
  for (const browser of browsers) {
    for (const folder of folders) {
      const program = path.join(folder, browser)
      if (await isProgram(program)) return program
    }
  }
  throw new OperatorError(`Chromium was not found in PATH as ${browsers.join(', ')}: install it (Debian: apt-get install chromium).`)
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return true
  } catch {
    // It is not there, or not ours to run.
    return false
  }
}
