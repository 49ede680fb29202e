import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Argument, Command } from 'commander'
import { messageOf, OperatorError } from '../../src/std/failure.ts'
import { mailSheet } from './mail-sheet.ts'
import { screenshot } from './screenshot.ts'
import { terminalLines } from './terminal-lines.ts'
import { terminalSvg } from './terminal-svg.ts'

const folder = fileURLToPath(new URL('../../docs/pictures/', import.meta.url))
const subjects = ['terminal', 'mails'] as const

/** Reads the command line and makes the pictures that the documents show; resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const command = new Command('pictures')
    .description('Makes the pictures in docs/pictures: the terminal of the demo, which it runs for a minute, and the built-in mails.')
    .addArgument(new Argument('[subject]', 'only this one').choices(subjects))
    .parse([...args], { from: 'user' })
  const wanted = command.args[0] === undefined ? subjects : [command.args[0]]
  try {
    await mkdir(folder, { recursive: true })
    if (wanted.includes('mails')) await pictureMails()
    if (wanted.includes('terminal')) await writeFile(join(folder, 'demo.svg'), terminalSvg(await terminalLines(say)))
    return 0
  } catch (error) {
    say(error instanceof OperatorError || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message))
    return 1
  }
}

async function pictureMails(): Promise<void> {
  const sheet = await mailSheet()
  for (const scheme of ['light', 'dark'] as const) {
    await screenshot(sheet, { scheme, file: join(folder, `mail-${scheme}.png`) })
    say(`docs/pictures/mail-${scheme}.png is written`)
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
