import { asSentence } from '../../std/failure.ts'
import type { Finding } from './check.ts'

/**
 * A sentence for operators, which names the trouble and then the way out, as a finding with the two apart: at the first colon or semicolon
 * outside of brackets and quotes that a blank follows. A sentence without one has the way out `otherwise`.
 */
export function findingOf(text: string, is: Finding['is'] = 'failed', otherwise = 'see the log of the server'): Finding {
  const at = placeOfWayOut(text)
  if (at === null) return { is, sentence: asSentence(text), fix: otherwise }
  return {
    is,
    sentence: asSentence(text.slice(0, at)),
    fix: text
      .slice(at + 1)
      .trim()
      .replace(/\.$/, ''),
  }
}

function placeOfWayOut(text: string): number | null {
  let depth = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === '"') quoted = !quoted
    else if (character === '(') depth += 1
    else if (character === ')') depth -= 1
    else if ((character === ':' || character === ';') && depth <= 0 && !quoted && text[at + 1] === ' ') return at
  }
  return null
}
