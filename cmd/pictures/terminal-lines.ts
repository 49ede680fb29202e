import { picture } from '../demo/live-view.ts'
import type { LiveFigures } from '../demo/live-figures.ts'
import { playLive } from '../demo/live.ts'
import { createProgress } from '../demo/progress.ts'
import { withSession } from '../demo/session.ts'

/** What `npm run demo` writes to a terminal, from its first line to a screen on which everything has happened: the demo is run for it. */
export async function terminalLines(say: (line: string) => void): Promise<readonly string[]> {
  const written: string[] = []
  const output = {
    isTTY: true,
    columns: 80,
    write: (text: string) => {
      // Output that does not end its line is overwritten by the next.
      if (!text.endsWith('\n')) return true
      written.push(text.trimEnd())
      say(text.trimEnd())
      return true
    },
  }
  const full = new AbortController()
  let lines: readonly string[] = []
  const screen = {
    everyMs: 1_000,
    begin: () => undefined,
    draw: (...[figures, sights]: Parameters<typeof picture>) => {
      if (!showsEverything(figures)) return
      lines = ['$ npm run demo', ...written.map(withoutPassword), '', ...picture(figures, sights).split('\n')]
      full.abort()
    },
    end: () => undefined,
  }
  const options = { existing: false, seed: 7, mailsToShow: 500, environment: {}, signal: new AbortController().signal }
  const progress = createProgress(output)
  await withSession(
    { ...options, progress },
    (session) => playLive(session, { signal: full.signal, screen }),
    () => true,
  )
  progress.done()
  return lines
}

/** Every type of mail was sent, every group had work, and a thousand events were published. */
function showsEverything({ published, groups, mails, leaderboard }: LiveFigures): boolean {
  return published > 1_000 && mails.length === 6 && groups.every(({ handled }) => handled > 0) && leaderboard.leaders.length === 5
}

/** That of a server that is gone, but readers of a picture cannot know. */
function withoutPassword(line: string): string {
  return line.replace(/:[^:@/]+@/, ':***@')
}
