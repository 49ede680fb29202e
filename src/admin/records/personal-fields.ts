import { catalogue, isEventType } from '../../events/catalogue/catalogue.ts'

/** What stands for one text or number that may be personal. */
export type Replace = (value: string | number) => string | number

type Fields = Readonly<Record<string, unknown>>

/**
 * A value with everything replaced that may be personal: the fields that the catalogue names as personal, every field that it does not know, and
 * any text with an @. The structure stays. A value that is no object is replaced as a whole.
 *
 * @param value of a record, as it was parsed
 */
export function replacePersonal(value: unknown, replace: Replace): unknown {
  if (!isFields(value)) return replaced(value, replace)
  return mapped(value, (name, field) => {
    if (name === 'data') return isFields(field) ? replaceInData(value['type'], field, replace) : replaced(field, replace)
    return envelopeFields.has(name) ? withoutAddresses(field, replace) : replaced(field, replace)
  })
}

/** Of our own form and of CloudEvents; none holds personal data unless it is used for something else. */
const envelopeFields: ReadonlySet<string> = new Set([
  'id',
  'type',
  'account_id',
  'campaign_id',
  'timestamp',
  'specversion',
  'source',
  'time',
  'accountid',
  'eventversion',
  'correlationid',
  'datacontenttype',
])

function replaceInData(type: unknown, data: Fields, replace: Replace): unknown {
  const definition = typeof type === 'string' && isEventType(type) ? catalogue[type] : null
  const personal: readonly string[] = definition?.personal ?? []
  return mapped(data, (name, field) => {
    const known = snakeCased(name)
    const isPlain = definition !== null && Object.hasOwn(definition.data.properties, known) && !personal.includes(known)
    return isPlain ? withoutAddresses(field, replace) : replaced(field, replace)
  })
}

/** An address may stand where it does not belong. */
function withoutAddresses(value: unknown, replace: Replace): unknown {
  if (typeof value === 'string') return value.includes('@') ? replace(value) : value
  if (Array.isArray(value)) return value.map((item) => withoutAddresses(item, replace))
  return isFields(value) ? replaced(value, replace) : value
}

function replaced(value: unknown, replace: Replace): unknown {
  if (typeof value === 'string' || typeof value === 'number') return replace(value)
  if (Array.isArray(value)) return value.map((item) => replaced(item, replace))
  return isFields(value) ? mapped(value, (_, field) => replaced(field, replace)) : value
}

function mapped(fields: Fields, of: (name: string, value: unknown) => unknown): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name.includes('@') ? '***' : name, of(name, value)]))
}

function snakeCased(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** In place of what may be personal. */
export const masked: Replace = () => '***'

/**
 * An invented text or number of the same shape: letters and digits are replaced one by one, everything else stays, so that whatever a rule
 * says of length, case or characters holds as before. An address gets a domain of example.com, as long as its own where that has thirteen
 * characters or more.
 */
export const exampleOfShape: Replace = (value) => {
  if (typeof value === 'number') return Number(shaped(String(value)))
  const parts = value.split('@')
  const [local = '', domain = ''] = parts
  return parts.length === 2 && /^[\w-]+(?:\.[\w-]+)+$/.test(domain) ? `${shaped(local)}@${exampleDomain(domain.length)}` : shaped(value)
}

function exampleDomain(length: number): string {
  const own = 'example.com'
  return length < own.length + 2 ? own : `${'x'.repeat(length - own.length - 1)}.${own}`
}

const LETTERS = 'personalexmv'

function shaped(text: string): string {
  let at = 0
  return Array.from(text)
    .map((character) => {
      if (/\d/.test(character)) return '1'
      if (!/\p{L}/u.test(character)) return character
      const letter = LETTERS[at++ % LETTERS.length] ?? 'x'
      if (!/[a-z]/i.test(character)) return /\p{Lu}/u.test(character) ? 'É' : 'é'
      return character === character.toUpperCase() ? letter.toUpperCase() : letter
    })
    .join('')
}
