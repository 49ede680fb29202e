import http from 'node:http'
import https from 'node:https'
import { messageOf, OperatorError } from '../../std/failure.ts'
import { tlsFaultOf, tlsTrouble } from '../../std/tls-fault.ts'

/** Where a schema registry is. */
export interface RegistryAccess {
  /** With user and password where it wants a login, and the path of its Confluent API. A secret. */
  readonly url: string
  /** PEM; absent: the public authorities. */
  readonly ca?: string | undefined
}

/** What a sentence calls the settings of the access. */
interface Settings {
  readonly url: string
  readonly ca: string
}

/** The registry cannot be asked, or refuses. */
export class RegistryError extends OperatorError {
  /** It answered, and would answer the same again. */
  readonly isRefusal: boolean

  constructor(sentence: string, isRefusal: boolean) {
    super(sentence)
    this.isRefusal = isRefusal
  }
}

/** The answer is a schema, and longer than is read. */
export class SchemaTooLong extends RegistryError {}

/** A schema as the registry has it. */
export interface RegisteredSchema {
  /** `AVRO`, `JSON` or `PROTOBUF`. */
  readonly type: string
  readonly text: string
  /** Schemas of other subjects with names that it uses. */
  readonly references: readonly { readonly subject: string; readonly version: number }[]
}

/** The calls that are needed of the Confluent API: https://docs.confluent.io/platform/current/schema-registry/develop/api.html */
export interface RegistryClient {
  /** Null: it knows no such id. @throws {SchemaTooLong} */
  schema(id: number): Promise<RegisteredSchema | null>
  /** Null: it knows no such subject or version. @throws {SchemaTooLong} */
  version(subject: string, version: number): Promise<RegisteredSchema | null>
  /** The id of an Avro schema under a subject; null: it is not there. */
  idOf(subject: string, schema: string): Promise<number | null>
  /** Whether the registry would take it as the next version; null: the subject is new. */
  wouldTake(subject: string, schema: string): Promise<boolean | null>
  /** Its id. @throws {RegistryError} the registry refuses it */
  register(subject: string, schema: string): Promise<number>
}

const variables: Settings = { url: 'KAFKA_SCHEMA_REGISTRY_URL', ca: 'KAFKA_SCHEMA_REGISTRY_CA_FILE' }
/** Of one request. */
const DEADLINE_MS = 5_000
/** Of an answer: far above any schema of an event. */
export const MOST_CHARACTERS = 1_000_000
const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json'

interface Answer {
  readonly status: number
  readonly body: string
}

/**
 * Every call rejects with a {@link RegistryError}, one sentence without the login, when the registry cannot be asked or refuses.
 *
 * @param accessNow is called by every request: a login may be replaced meanwhile
 */
export function createRegistryClient(
  accessNow: () => RegistryAccess,
  { deadlineMs = DEADLINE_MS, settings = variables }: { readonly deadlineMs?: number; readonly settings?: Settings } = {},
): RegistryClient {
  /** The fields of the answer; null: the registry knows no such schema, version or subject. */
  async function call(method: 'GET' | 'POST', path: string, schema?: string): Promise<Readonly<Record<string, unknown>> | null> {
    const access = accessNow()
    const { status, body } = await ask(access, { method, path, schema })
    const fields = fieldsOf(body)
    const code = Number(fields?.['error_code'])
    if (status === 200 && fields !== null) return fields
    // 40401 and 40402: no such subject or version; 40403: no such schema.
    if (status === 404 && code >= 40_401 && code <= 40_403) return null
    throw new RegistryError(`${nameOf(access)} ${troubleOf(status, code, access)}`, status !== 429 && status < 500)
  }

  function troubleOf(status: number, code: number, { url }: RegistryAccess): string {
    const answer = Number.isNaN(code) ? `HTTP ${status}` : `HTTP ${status}, ${code}`
    if (status === 401 || (status === 403 && new URL(url).username !== ''))
      return `refuses the login (${answer}): correct user and password in ${settings.url}`
    if (status === 403) return `denies access (${answer}): give a user with the right to do this in ${settings.url}`
    if (status === 409) return `refuses the schema as incompatible with the versions it has (${answer})`
    if (status === 422) return `refuses the schema as invalid (${answer})`
    if (status === 429 || status >= 500) return `fails (${answer}): check its health`
    return strange(answer)
  }

  const strange = (answer: string) =>
    `does not answer as one (${answer}): ${settings.url} needs the path of its Confluent API, such as /apis/ccompat/v7`

  async function ask(access: RegistryAccess, asked: { method: string; path: string; schema: string | undefined }): Promise<Answer> {
    const { username, password, origin, pathname } = new URL(access.url)
    const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    const payload = asked.schema === undefined ? undefined : JSON.stringify({ schema: asked.schema, schemaType: 'AVRO' })
    const options = {
      method: asked.method,
      agent: false,
      signal: AbortSignal.timeout(deadlineMs),
      headers: {
        accept: `${MEDIA_TYPE}, application/json`,
        ...(payload === undefined ? {} : { 'content-type': MEDIA_TYPE, 'content-length': Buffer.byteLength(payload) }),
        ...(username === '' ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
      },
      ...(access.ca === undefined ? {} : { ca: access.ca }),
    } as const
    try {
      return await exchange(`${origin}${pathname.replace(/\/$/, '')}${asked.path}`, options, payload)
    } catch (error) {
      const registry = nameOf(access)
      if (error instanceof TooLong) {
        const sentence = `${registry} answers with more than ${MOST_CHARACTERS} characters: correct ${settings.url}`
        throw error.isJson ? new SchemaTooLong(sentence, true) : new RegistryError(sentence, true)
      }
      const tls = tlsFaultOf(error)
      if (tls !== null) throw new RegistryError(`${tlsTrouble(tls, registry)}: correct ${settings.url} or ${settings.ca}`, false)
      throw new RegistryError(`${registry} does not answer (${reasonOf(error, deadlineMs)}): start it, or correct ${settings.url}`, false)
    }
  }

  /** A part of the answer that a registry always gives: without it, it is another server, whose answers say nothing about a schema. */
  function given<Part>(part: Part | null): Part {
    if (part === null) throw new RegistryError(`${nameOf(accessNow())} ${strange('HTTP 200')}`, true)
    return part
  }

  return {
    async schema(id) {
      const found = await call('GET', `/schemas/ids/${id}`)
      return found === null ? null : given(registeredIn(found))
    },
    async version(subject, version) {
      const found = await call('GET', `/subjects/${encodeURIComponent(subject)}/versions/${version}`)
      return found === null ? null : given(registeredIn(found))
    },
    async idOf(subject, schema) {
      const found = await call('POST', `/subjects/${encodeURIComponent(subject)}`, schema)
      return found === null ? null : given(numberIn(found, 'id'))
    },
    async wouldTake(subject, schema) {
      // Of a subject that is new, some registries say that it takes everything.
      if ((await call('GET', `/subjects/${encodeURIComponent(subject)}/versions/latest`)) === null) return null
      const found = await call('POST', `/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest`, schema)
      return found === null ? null : found['is_compatible'] === true
    },
    async register(subject, schema) {
      const registered = await call('POST', `/subjects/${encodeURIComponent(subject)}/versions`, schema)
      return given(registered === null ? null : numberIn(registered, 'id'))
    },
  }
}

function nameOf({ url }: RegistryAccess): string {
  return `the schema registry at ${new URL(url).origin}`
}

class TooLong extends Error {
  /** An answer of a registry, not the page of another server or a proxy. */
  readonly isJson: boolean

  constructor({ statusCode, headers }: http.IncomingMessage) {
    super('its answer is too long')
    this.isJson = statusCode === 200 && /[/+]json\b/.test(headers['content-type'] ?? '')
  }
}

/** No redirect is followed: it would carry the login elsewhere. */
function exchange(url: string, options: https.RequestOptions, payload: string | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { request: open } = url.startsWith('https:') ? https : http
    const request = open(url, options, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        body += part
        if (body.length > MOST_CHARACTERS) request.destroy(new TooLong(response))
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(payload)
  })
}

function reasonOf(error: unknown, deadlineMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${deadlineMs / 1_000} s`
  if (error instanceof Error && error.name === 'AbortError') return `no answer within ${deadlineMs / 1_000} s`
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : messageOf(error)
}

function fieldsOf(body: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : null
  } catch {
    // A page of a proxy, say.
    return null
  }
}

function numberIn(fields: Readonly<Record<string, unknown>>, name: string): number | null {
  const value = fields[name]
  return typeof value === 'number' ? value : null
}

function registeredIn({ schema, schemaType, references }: Readonly<Record<string, unknown>>): RegisteredSchema | null {
  if (typeof schema !== 'string') return null
  return {
    // Left out for Avro.
    type: typeof schemaType === 'string' ? schemaType : 'AVRO',
    text: schema,
    references: Array.isArray(references) ? references.flatMap(referenceIn) : [],
  }
}

function referenceIn(reference: unknown): RegisteredSchema['references'] {
  if (typeof reference !== 'object' || reference === null || !('subject' in reference) || !('version' in reference)) return []
  const { subject, version } = reference
  return typeof subject === 'string' && typeof version === 'number' ? [{ subject, version }] : []
}
