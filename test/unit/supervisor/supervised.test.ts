import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { connectToSupervisor } from '../../../src/supervisor/supervised.ts'

function setUp(connected = true) {
  const channel = Object.assign(new EventEmitter(), {
    connected,
    sent: [] as unknown[],
    send: (report: unknown) => void channel.sent.push(report),
  })
  const connection = connectToSupervisor(channel)
  const acts: string[] = []
  const signalled = connection.listen(true, ['SIGTERM', 'SIGINT'], (signal) => acts.push(signal))
  const order = (signal: string, times: number) => channel.emit('message', { signal, times })
  return { channel, connection, acts, signalled, order }
}

describe('a supervised process', () => {
  it('takes a signal and the order of the supervisor for one stop, in any order', () => {
    const first = setUp()
    first.signalled('SIGINT')
    first.signalled('SIGINT')
    first.order('SIGINT', 1)
    expect(first.acts).toEqual(['SIGINT'])
    const second = setUp()
    second.order('SIGTERM', 1)
    second.signalled('SIGTERM')
    expect(second.acts).toEqual(['SIGTERM'])
  })

  it('is forced by the second order only', () => {
    const { acts, signalled, order } = setUp()
    signalled('SIGTERM')
    order('SIGTERM', 2)
    expect(acts).toEqual(['SIGTERM', 'SIGTERM'])
  })

  it('stops when the supervisor ends, or has ended before it listened', () => {
    const { channel, acts } = setUp()
    channel.emit('disconnect')
    channel.emit('disconnect')
    expect(acts).toEqual(['supervisor-ended'])
    expect(setUp(false).acts).toEqual(['supervisor-ended'])
  })

  it('takes other commands whenever they come, and nothing that is no order', () => {
    const { channel, connection, acts, order } = setUp()
    const quiet: string[] = []
    const signalled = connection.listen(false, ['SIGTSTP'], (signal) => quiet.push(signal))
    order('SIGTSTP', 1)
    order('SIGTSTP', 1)
    signalled('SIGTSTP')
    channel.emit('message', { stepClockMs: 5 })
    channel.emit('message', null)
    expect(quiet).toEqual(['SIGTSTP', 'SIGTSTP', 'SIGTSTP'])
    expect(acts).toEqual([])
  })

  it('reports while it is connected', () => {
    const { channel, connection } = setUp()
    connection.report({ is: 'serving', port: 1 })
    channel.connected = false
    connection.report({ is: 'ready' })
    expect(channel.sent).toEqual([{ is: 'serving', port: 1 }])
  })
})
