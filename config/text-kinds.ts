import type { Kind } from './variable.ts'

/** Any text. */
export function anyText(expects: string): Kind<string> {
  return { expects, parse: (text) => ({ value: text }) }
}

/** A secret that is long enough not to be guessed. */
export const secretText: Kind<string> = {
  expects: 'at least 16 characters without blanks, such as the output of `openssl rand -hex 32`',
  parse: (text) => {
    if (/\s/.test(text)) return { wrong: 'holds a blank' }
    return text.length < 16 ? { wrong: 'is too short' } : { value: text }
  },
}

/** One of a few words, in upper or lower case. */
export function oneOf<const Word extends string>(words: readonly Word[]): Kind<Word> {
  return {
    expects: `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    parse: (text) => {
      const word = words.find((word) => word.toLowerCase() === text.toLowerCase())
      return word === undefined ? { wrong: 'is not one of these values' } : { value: word }
    },
  }
}

/** A switch. */
export const yesOrNo: Kind<boolean> = {
  expects: 'true or false',
  parse: (text) => (/^(?:true|false)$/i.test(text) ? { value: text.toLowerCase() === 'true' } : { wrong: 'is not one of these' }),
}

/** Text that matches a pattern; `expects` says the pattern in words. */
export function matching(pattern: RegExp, expects: string): Kind<string> {
  return { expects, parse: (text) => (pattern.test(text) ? { value: text } : { wrong: 'has an invalid format' }) }
}

/** Names separated by commas, each once. Which names exist is checked where they are known. */
export function names(expects: string): Kind<readonly string[]> {
  return {
    expects,
    parse: (text) => {
      const value = splitList(text)
      return value.length === 0 ? { wrong: 'is an empty list' } : { value }
    },
  }
}

/** `name=value` pairs separated by commas, values percent-encoded: the form of OpenTelemetry's variables. */
export function pairs(expects: string): Kind<Readonly<Record<string, string>>> {
  return {
    expects,
    parse: (text) => {
      const found: Record<string, string> = {}
      for (const pair of text.split(',').filter((part) => part.trim() !== '')) {
        const [name = '', ...rest] = pair.split('=')
        if (rest.length === 0 || name.trim() === '') return { wrong: 'holds a part that is not name=value' }
        try {
          found[name.trim()] = decodeURIComponent(rest.join('=').trim())
        } catch {
          // The only error here is a malformed escape.
          return { wrong: 'holds a bare % in a value (it is written %25)' }
        }
      }
      return Object.keys(found).length === 0 ? { wrong: 'is an empty list' } : { value: found }
    },
  }
}

/** Where a group begins on a topic that it has never read. */
export type StartFrom = 'earliest' | 'latest' | 'committed' | Date

export const startFrom: Kind<StartFrom> = {
  expects: 'earliest, latest, committed or an RFC 3339 time with its zone, such as 2025-01-31T00:00:00Z',
  parse: (text) => {
    if (text === 'earliest' || text === 'latest' || text === 'committed') return { value: text }
    if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text)) return { wrong: 'is not one of these' }
    const time = new Date(text)
    return Number.isNaN(time.getTime()) ? { wrong: 'is not a valid time' } : { value: time }
  },
}

/** The items of a comma-separated list, trimmed, each once. */
export function splitList(text: string): readonly string[] {
  const items = text.split(',').map((item) => item.trim())
  return [...new Set(items.filter((item) => item !== ''))]
}
