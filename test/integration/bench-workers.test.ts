import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../../stack/worker-environment.ts'

async function bench(...args: readonly string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../bench/workers/main.ts'), ...args], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, ended] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { stdout, stderr, code: ended[0] as unknown }
}

describe('npm run bench', () => {
  it('measures the daemon beside the plain worker, with one JSON object on standard output and tables on standard error', async () => {
    const { stdout, stderr, code } = await bench('--workload', 'mail', '--events', '20', '--rounds', '1', '--json')
    expect({ code, complaints: code === 0 ? '' : stderr }).toEqual({ code: 0, complaints: '' })
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    const aboveZero: unknown = expect.toSatisfy((value) => typeof value === 'number' && value > 0)
    // A mail may be there before the program that published the event has handled the acknowledgement: see `Figures`.
    const delay: unknown = expect.toSatisfy((value) => Number.isFinite(value))
    // In steps of 10 ms, twenty mails may cost nothing that can be seen.
    const cpu: unknown = expect.toSatisfy((value) => typeof value === 'number' && value >= 0)
    const ratio: unknown = expect.toSatisfy((value) => value === null || typeof value === 'number')
    expect(JSON.parse(stdout)).toEqual({
      workloads: [
        {
          name: 'mail',
          unit: 'mail',
          oursCpuUs: cpu,
          oursDbCpuUs: cpu,
          plainCpuUs: cpu,
          ratioToPlain: ratio,
          goCpuUs: null,
          ratioToGo: null,
          oursPerSecond: aboveZero,
          goPerSecond: null,
          p50Ms: delay,
          p99Ms: delay,
          rssMiB: aboveZero,
        },
      ],
    })
    expect(stderr).toContain('The Go workers are left out: --peers names the folder with their sources.')
    expect(stderr).toMatch(/^ {2}ours /m)
    expect(stderr).toMatch(/^ {2}plain /m)
  })

  it.each([
    [['--workload', 'mail,post'], '"post" is none: give some of mail,'],
    [['--events', '0'], 'Give a whole number above zero.'],
    [['mail'], 'too many arguments'],
  ])('refuses %j with a sentence, before anything starts', async (args, sentence) => {
    const { stdout, stderr, code } = await bench(...args)
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 })
    expect(stderr).toContain(sentence)
    expect(stderr).not.toContain('Kafka')
  })
})
