import { describe, expect, it } from 'vitest'
import { createLog } from '../../../src/infra/telemetry/log.ts'
import type { ProcessOrder, ProcessReport } from '../../../src/supervisor/process-messages.ts'
import { createSupervisor, type ProcessEnd, type WorkerProcess } from '../../../src/supervisor/supervisor.ts'
import { createManualClock } from '../../support/manual-clock.ts'

/** A process that does what the test says. */
class ScriptedProcess implements WorkerProcess {
  readonly pid = 1
  readonly orders: ProcessOrder[] = []
  readonly #end = Promise.withResolvers<ProcessEnd>()
  readonly ended = this.#end.promise
  readonly name: string
  readonly report: (report: ProcessReport) => void

  constructor(name: string, report: (report: ProcessReport) => void) {
    this.name = name
    this.report = report
  }
  send(order: ProcessOrder): void {
    this.orders.push(order)
  }
  kill(): void {
    this.#end.resolve({ code: null, cause: 'SIGKILL' })
  }
  exit(code: number): void {
    this.#end.resolve({ code, cause: null })
  }
  work(): void {
    this.report({ is: 'serving', port: 1_000 })
    this.report({ is: 'ready' })
  }
}

/** Lets what has been resolved take its effect. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

function setUp(count: number) {
  const started: ScriptedProcess[] = []
  const lines: string[] = []
  const clock = createManualClock()
  const supervisor = createSupervisor({
    count,
    graceMs: 30_000,
    start(name, report) {
      const process = new ScriptedProcess(name, report)
      started.push(process)
      return process
    },
    log: createLog({ level: 'info', destination: { write: (line: string) => lines.push(line) } }),
    clock,
    random: () => 1,
  })
  const latest = (name: string) => {
    const found = started.findLast((process) => process.name === name)
    if (found === undefined) throw new Error(`process ${name} was not started`)
    return found
  }
  return { supervisor, clock, started, latest, lines, names: () => started.map(({ name }) => name) }
}

async function atWork(count: number) {
  const setting = setUp(count)
  const code = setting.supervisor.run()
  await settled()
  setting.latest('1').work()
  await settled()
  for (let name = 2; name <= count; name++) setting.latest(String(name)).work()
  return { ...setting, code }
}

describe('the supervisor', () => {
  it('starts the others once the first has accepted the configuration, and says when all are ready', async () => {
    const { supervisor, started, latest, names, lines } = setUp(3)
    void supervisor.run()
    await settled()
    expect(names()).toEqual(['1'])
    latest('1').report({ is: 'serving', port: 1_001 })
    await settled()
    expect(names()).toEqual(['1', '2', '3'])
    expect(lines.join('')).not.toContain('"msg":"ready"')
    for (const process of started) process.work()
    expect(lines.filter((line) => line.includes('"msg":"ready"'))).toHaveLength(1)
  })

  it('restarts a process after pauses that grow to half a minute, and leaves the others alone', async () => {
    const { supervisor, clock, latest, names } = await atWork(2)
    const pauses: number[] = []
    for (let times = 0; times < 8; times++) {
      latest('2').exit(3)
      await settled()
      const [pause = 0] = clock.sleeping
      pauses.push(pause)
      clock.advance(pause - 1)
      await settled()
      expect(names().filter((name) => name === '2')).toHaveLength(times + 1)
      clock.advance(1)
      await settled()
      expect(names().filter((name) => name === '2')).toHaveLength(times + 2)
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
    expect(names().filter((name) => name === '1')).toHaveLength(1)
    expect(supervisor.processes().map(({ restarts }) => restarts)).toEqual([0, 8])
  })

  it('begins with a short pause again after a minute of work', async () => {
    const { clock, latest } = await atWork(2)
    for (const readyForMs of [0, 59_999, 60_000]) {
      clock.advance(readyForMs)
      latest('2').kill()
      await settled()
      const expected = { 0: 1_000, 59_999: 2_000, 60_000: 1_000 }[readyForMs]
      expect(clock.sleeping).toEqual([expected])
      clock.advance(30_000)
      await settled()
      latest('2').work()
    }
  })

  it('says of a process that is down how it ended and since when', async () => {
    const { supervisor, clock, latest } = await atWork(2)
    clock.advance(5_000)
    latest('2').exit(3)
    await settled()
    expect(supervisor.processes()[1]).toEqual(
      expect.objectContaining({ name: '2', pid: null, port: null, ended: { how: 'exit code 3', at: clock.now() } }),
    )
  })

  it('ends with 1 when the start is refused and no process is at work', async () => {
    const { supervisor, latest } = setUp(2)
    const code = supervisor.run()
    await settled()
    latest('1').report({ is: 'serving', port: 1_001 })
    await settled()
    latest('2').exit(1)
    await settled()
    expect(latest('1').orders).toEqual([{ signal: 'SIGTERM', times: 1 }])
    latest('1').exit(0)
    expect(await code).toBe(1)
  })

  it('starts no other process when the first refuses the configuration', async () => {
    const { supervisor, latest, names } = setUp(2)
    const code = supervisor.run()
    await settled()
    latest('1').exit(1)
    expect(await code).toBe(1)
    expect(names()).toEqual(['1'])
  })

  it('restarts a refused process while another is at work: the cause may pass', async () => {
    const { clock, latest, names } = await atWork(2)
    latest('2').exit(1)
    await settled()
    clock.advance(1_000)
    await settled()
    expect(names()).toEqual(['1', '2', '2'])
  })

  it('restarts the first process, and starts the others, if it crashes before it has accepted the configuration', async () => {
    const { supervisor, clock, latest, names } = setUp(2)
    void supervisor.run()
    await settled()
    latest('1').kill()
    await settled()
    clock.advance(1_000)
    await settled()
    latest('1').work()
    await settled()
    expect(names()).toEqual(['1', '1', '2'])
  })

  it('stops all, awaits their ends and exits with 0', async () => {
    const { supervisor, latest, code } = await atWork(2)
    supervisor.stop('SIGTERM')
    for (const name of ['1', '2']) {
      expect(latest(name).orders).toEqual([{ signal: 'SIGTERM', times: 1 }])
      latest(name).exit(0)
    }
    expect(await code).toBe(0)
  })

  it('starts nothing at a stop, neither what pauses nor what has not begun', async () => {
    const first = await atWork(2)
    first.latest('2').kill()
    await settled()
    first.supervisor.stop('SIGTERM')
    first.latest('1').exit(0)
    expect(await first.code).toBe(0)
    expect(first.names()).toEqual(['1', '2'])

    const second = setUp(2)
    second.supervisor.stop('SIGTERM')
    expect(await second.supervisor.run()).toBe(0)
    expect(second.names()).toEqual([])
  })

  it('exits with 2 when a process had to be forced', async () => {
    const { supervisor, latest, code } = await atWork(2)
    supervisor.stop('SIGTERM')
    latest('1').exit(0)
    latest('2').exit(2)
    expect(await code).toBe(2)
  })

  it('passes a second stop on as a second one', async () => {
    const { supervisor, latest, code } = await atWork(2)
    supervisor.stop('SIGINT')
    supervisor.stop('SIGTERM')
    expect(latest('1').orders).toEqual([
      { signal: 'SIGINT', times: 1 },
      { signal: 'SIGTERM', times: 2 },
    ])
    for (const name of ['1', '2']) latest(name).exit(2)
    expect(await code).toBe(2)
  })

  it.each([
    ['the grace period', ['SIGTERM'], 32_000],
    ['a second stop', ['SIGTERM', 'SIGTERM'], 2_000],
  ])('kills what still runs two seconds after %s', async (_, stops, ms) => {
    const { supervisor, clock, latest, code } = await atWork(2)
    for (const signal of stops) supervisor.stop(signal)
    latest('1').exit(0)
    await settled()
    const killed = latest('2').ended
    clock.advance(ms - 1)
    await settled()
    expect(await Promise.race([killed, Promise.resolve('still running')])).toBe('still running')
    clock.advance(1)
    await settled()
    expect(await killed).toEqual({ code: null, cause: 'SIGKILL' })
    expect(await code).toBe(2)
  })

  it('passes signals on, and makes a restarted process quiet while the others are', async () => {
    const { supervisor, clock, latest } = await atWork(2)
    supervisor.pass('report', 'SIGUSR2')
    supervisor.pass('quiet', 'SIGTSTP')
    expect(latest('1').orders.map(({ signal }) => signal)).toEqual(['SIGUSR2', 'SIGTSTP'])
    const restart = async () => {
      latest('2').kill()
      await settled()
      clock.advance(30_000)
      await settled()
      return latest('2').orders.map(({ signal }) => signal)
    }
    expect(await restart()).toEqual(['SIGTSTP'])
    supervisor.pass('resume', 'SIGCONT')
    expect(await restart()).toEqual([])
  })
})
