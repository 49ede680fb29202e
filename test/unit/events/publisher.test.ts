import { describe, expect, it } from 'vitest'
import { catalogue } from '../../../src/events/catalogue/catalogue.ts'
import type { EventTransport } from '../../../src/events/event-transport.ts'
import { decode } from '../../../src/events/decode.ts'
import { InvalidEvent } from '../../../src/events/invalid-event.ts'
import { createPublisher } from '../../../src/events/publisher.ts'
import type { TypedInput } from '../../../src/events/publisher-input.ts'

const id = (digit: number) => `0000000${digit}-0000-4000-8000-00000000000a`
const about = { accountId: id(1), campaignId: id(2) }
const signedUp = { ...about, userId: id(3), email: 'guest@example.com' }
const referral = { ...about, referralId: id(4), referrerId: id(5), referredId: id(3) }

/** One of each type. */
const everything: readonly TypedInput[] = [
  { type: 'user.signed_up', ...signedUp },
  { type: 'user.verified', ...signedUp },
  { type: 'referral.created', ...referral },
  { type: 'referral.verified', ...referral, pointsPerReferral: 10 },
  { type: 'reward.earned', ...about, userRewardId: id(6), userId: id(3), rewardId: id(7) },
  { type: 'campaign.milestone_reached', ...about, milestone: '100_participants', participantCount: 100 },
]

type Sent = Parameters<EventTransport['send']>[1][number]

function createRecorder() {
  const sent: Sent[] = []
  const sends: number[] = []
  const transport: EventTransport = {
    send: async (topic, messages) => {
      expect(topic).toBe('domain-events')
      sends.push(messages.length)
      sent.push(...messages)
    },
  }
  const options = { transport, topic: 'domain-events', clock: { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) } }
  return { sent, sends, options, publisher: createPublisher(options) }
}

function decoded(message: Sent | undefined) {
  if (message === undefined) throw new Error('nothing was sent')
  const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, Buffer.from(value)]))
  const result = decode({ value: message.value, headers }, { maxBytes: 100_000 })
  if (result.is !== 'event') throw new Error(JSON.stringify(result))
  return result.event
}

const client = { query: () => Promise.resolve() }

/** What a caller without types may hand over. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the point of it
const typeless = (fields: object) => fields as TypedInput

describe('the publisher', () => {
  it('sends every type as the worker decodes it, with the campaign as key', async () => {
    const { sent, sends, publisher } = createRecorder()
    const published = await publisher.publishMany(everything)
    expect(sends).toEqual([6])
    expect(sent.map((message) => decoded(message).type)).toEqual(everything.map(({ type }) => type))
    expect(sent.map(decoded).map((event) => event.id)).toEqual(published.map(({ eventId }) => eventId))
    expect(new Set(published.map(({ eventId }) => eventId)).size).toBe(6)
    for (const { key } of sent) expect(key).toBe(about.campaignId)
  })

  it('has a function per type that sends the same record', async () => {
    const { sent, publisher } = createRecorder()
    await publisher.publishUserSignedUp(signedUp)
    await publisher.publishUserVerified(signedUp)
    await publisher.publishReferralCreated(referral)
    await publisher.publishReferralVerified({ ...referral, pointsPerReferral: 10 })
    await publisher.publishRewardEarned({ ...about, userRewardId: id(6), userId: id(3), rewardId: id(7) })
    await publisher.publishCampaignMilestoneReached({ ...about, milestone: '100_participants', participantCount: 100 })
    const many = createRecorder()
    await many.publisher.publishMany(everything)
    expect(sent).toEqual(many.sent)
  })

  it('sets the documented headers', async () => {
    const { sent, publisher } = createRecorder()
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const { eventId } = await publisher.publishUserSignedUp({
      ...signedUp,
      correlationId: 'request-1',
      causationId: 'order-7',
      traceparent,
    })
    expect(sent[0]?.headers).toEqual({
      'event-type': 'user.signed_up',
      'event-version': '1',
      'event-id': eventId,
      'content-type': 'application/json',
      timestamp: '2026-01-02T03:04:05.006Z',
      'correlation-id': 'request-1',
      'causation-id': 'order-7',
      traceparent,
    })
    expect(decoded(sent[0])).toEqual({
      id: eventId,
      type: 'user.signed_up',
      account_id: about.accountId,
      campaign_id: about.campaignId,
      data: { user_id: signedUp.userId, campaign_id: about.campaignId, email: signedUp.email },
      timestamp: '2026-01-02T03:04:05.006Z',
      correlation_id: 'request-1',
    })
  })

  it('names its program where it is given one, and refuses a name that is no header', async () => {
    const { sent, options } = createRecorder()
    await createPublisher({ ...options, producer: 'signup-form' }).publishUserSignedUp(signedUp)
    expect(sent[0]?.headers).toMatchObject({ producer: 'signup-form' })
    expect(() => createPublisher({ ...options, producer: 'a\nb' })).toThrow(
      'producer must be 1 to 200 printable ASCII characters without @',
    )
  })

  it('gives a retry the id of the first attempt, whatever the time, the address or the case of ids', async () => {
    const { sent, publisher } = createRecorder()
    const first = await publisher.publishUserSignedUp(signedUp)
    const retry = await publisher.publishUserSignedUp({
      ...signedUp,
      campaignId: about.campaignId.toUpperCase(),
      userId: signedUp.userId.toUpperCase(),
      email: 'other@example.com',
      timestamp: new Date(0),
    })
    expect(retry).toEqual(first)
    expect(sent[1]?.key).toBe(sent[0]?.key)
    expect(await publisher.publishUserVerified(signedUp)).not.toEqual(first)
    expect(await publisher.publishUserSignedUp({ ...signedUp, userId: id(8) })).not.toEqual(first)
  })

  it('uses the id and the timestamp of the caller', async () => {
    const { sent, publisher } = createRecorder()
    expect(await publisher.publishUserSignedUp({ ...signedUp, eventId: id(9), timestamp: new Date(5) })).toEqual({ eventId: id(9) })
    expect(decoded(sent[0])).toMatchObject({ id: id(9), timestamp: '1970-01-01T00:00:00.005Z' })
  })

  it.each([
    [
      'an invalid user id',
      { ...everything[0], userId: 'x' },
      'user.signed_up was not published: userId breaks format (event 6 of the list)',
    ],
    ['a missing address', { ...everything[0], email: undefined }, 'email breaks required'],
    ['an empty address', { ...everything[1], email: '' }, 'email breaks minLength'],
    ['an invalid account id', { ...everything[2], accountId: '' }, 'accountId breaks format'],
    ['no account', { ...everything[2], accountId: undefined }, 'accountId breaks required'],
    ['no campaign', { ...everything[2], campaignId: undefined }, 'campaignId breaks required'],
    ['points that are text', { ...everything[3], pointsPerReferral: '10' }, 'pointsPerReferral breaks type'],
    ['half a participant', { ...everything[5], participantCount: 0.5 }, 'participantCount breaks'],
    ['an invalid event id', { ...everything[4], eventId: 'mine' }, 'eventId breaks format'],
    ['an invalid date', { ...everything[4], timestamp: new Date(Number.NaN) }, 'timestamp must be a valid Date'],
    ['a correlation id of two lines', { ...everything[4], correlationId: 'a\nb' }, 'correlationId must be'],
    ['a causation id beyond ASCII', { ...everything[4], causationId: 'é' }, 'causationId must be'],
    ['a made-up traceparent', { ...everything[4], traceparent: '1' }, 'traceparent must be'],
    [
      'a field that nobody knows',
      { ...everything[3], correlationID: 'x' },
      'correlationID is not a field of this event, which has type, accountId,',
    ],
    ['a misspelt type', { ...everything[0], type: 'user.signed-up' }, 'type must be one of user.signed_up, '],
  ])('refuses %s and sends nothing, not even what was before it', async (_, fields, sentence) => {
    const { sends, publisher } = createRecorder()
    const refused = await publisher.publishMany([...everything, typeless(fields)]).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(InvalidEvent)
    expect(refused).toHaveProperty('message', expect.stringContaining(sentence))
    expect(sends).toEqual([])
  })

  it.each([
    ['userId', { ...signedUp, userId: 'x' }],
    ['email', { ...signedUp, email: undefined }],
    ['accountId', { ...signedUp, accountId: 'x' }],
    ['eventId', { ...signedUp, eventId: 'x' }],
    ['timestamp', { ...signedUp, timestamp: new Date(Number.NaN) }],
    ['traceparent', { ...signedUp, traceparent: '1' }],
    ['user_id', { ...signedUp, user_id: signedUp.userId }],
  ])('names the path %s of what is wrong, with the index of the event in a list', async (path, fields) => {
    const { publisher } = createRecorder()
    const event = typeless({ type: 'user.signed_up', ...fields })
    const alone: unknown = await Reflect.apply(publisher.publishUserSignedUp, null, [fields]).catch((error: unknown) => error)
    expect(alone).toMatchObject({ name: 'InvalidEvent', path })
    await expect(publisher.publishMany([...everything, event])).rejects.toMatchObject({ path: `6/${path}` })
  })

  it('names all that is wrong, in the data and around it, each once and by the names of the input', async () => {
    const { publisher } = createRecorder()
    const wrong = {
      email: '',
      accountId: 'x',
      nickname: 'n',
      eventId: 'mine',
      timestamp: 'today',
      causationId: 'é',
      correlationId: 'ada@example.com',
      traceparent: '1',
    }
    await expect(publisher.publishMany([typeless({ type: 'user.signed_up', ...wrong })])).rejects.toMatchObject({
      path: '0/nickname',
      faults: [
        'nickname is not a field of this event, which has type, accountId, campaignId, eventId, timestamp, correlationId, causationId, traceparent, userId, email',
        'userId breaks required',
        'campaignId breaks required',
        'email breaks minLength',
        'eventId breaks format',
        'accountId breaks format',
        'timestamp must be a valid Date',
        'correlationId must be 1 to 200 printable ASCII characters without @',
        'causationId must be 1 to 200 printable ASCII characters without @',
        'traceparent must be a W3C traceparent of version 00',
      ].join('; '),
    })
  })

  it('takes a field without a value for one that is not there', async () => {
    const { sent, publisher } = createRecorder()
    await publisher.publishMany([typeless({ ...everything[0], nickname: undefined })])
    expect(sent).toHaveLength(1)
  })

  it('hands a list with several topics over before it returns', () => {
    const { options } = createRecorder()
    const sent: string[] = []
    const transport: EventTransport = {
      send: (topic, messages) => {
        sent.push(`${topic} ${messages.length}`)
        return new Promise(() => undefined)
      },
    }
    Object.defineProperty(catalogue['reward.earned'], 'topic', { value: 'audit-events', configurable: true })
    void createPublisher({ ...options, transport }).publishMany([...everything, ...everything])
    Reflect.deleteProperty(catalogue['reward.earned'], 'topic')
    expect(sent).toEqual(['domain-events 10', 'audit-events 2'])
  })

  it('does not call a transport for an empty list', async () => {
    const { sends, publisher } = createRecorder()
    expect(await publisher.publishMany([])).toEqual([])
    expect(sends).toEqual([])
  })

  it.each([
    ['publishMany', undefined, 'publishMany needs a list of events, each an object with its `type`'],
    ['publishMany', everything[0], 'publishMany needs a list of events, each an object with its `type`'],
    ['publishMany', [everything[0], null], 'event 1 of the list must be an object with its `type` and its fields'],
    ['publishMany', [['user.signed_up']], 'event 0 of the list must be an object with its `type` and its fields'],
    [
      'publishUserSignedUp',
      undefined,
      'publishUserSignedUp needs an event: an object with fields of accountId, campaignId, eventId, timestamp, correlationId, causationId, traceparent, userId, email',
    ],
    ['publishUserVerified', [signedUp], 'publishUserVerified needs an event: an object with fields of accountId,'],
  ] as const)('rejects a call of %s with %o by what it needs', async (method, given, sentence) => {
    const { sends, publisher } = createRecorder()
    const refused: unknown = await Reflect.apply(publisher[method], null, [given]).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(TypeError)
    expect(refused).toHaveProperty('message', expect.stringContaining(sentence))
    expect(sends).toEqual([])
  })

  it.each([
    ['no client', [undefined], 'inTransaction needs the client that sent BEGIN'],
    ['a pool', [{ query: () => undefined, totalCount: 1, idleCount: 1 }], 'pass the client that sent BEGIN'],
    ['options that are null', [client, null], "The options of inTransaction must be { orderBy: 'key' }"],
    ['options that are text', [client, 'key'], "The options of inTransaction must be { orderBy: 'key' }"],
    ['an order that does not exist', [client, { orderBy: 'keys' }], "The options of inTransaction must be { orderBy: 'key' }"],
    ['an option that does not exist', [client, { orderby: 'key' }], "The options of inTransaction must be { orderBy: 'key' }"],
  ])('refuses %s for a transaction', (_, given, sentence) => {
    const { publisher } = createRecorder()
    const call = (...args: Parameters<typeof publisher.inTransaction>) => publisher.inTransaction(...args)
    expect(() => Reflect.apply(call, null, given)).toThrow(sentence)
    expect(() => publisher.inTransaction(client, { orderBy: 'key' })).not.toThrow()
  })

  it('rejects with the error of the transport', async () => {
    const transport: EventTransport = { send: () => Promise.reject(new Error('no broker')) }
    await expect(createPublisher({ transport, topic: 'domain-events' }).publishUserSignedUp(signedUp)).rejects.toThrow('no broker')
  })
})
