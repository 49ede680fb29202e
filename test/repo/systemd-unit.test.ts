import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { variableNames, variables } from '../../config/variables.ts'
import packageJson from '../../package.json' with { type: 'json' }

const settings = readFileSync('config/systemd/kafka-worker.service', 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? []
    return name === undefined || value === undefined ? [] : [{ name, value }]
  })
const all = (wanted: string) => settings.filter(({ name }) => name === wanted).map(({ value }) => value)
const seconds = (name: string) => Number(all(name)[0])

describe('the systemd unit', () => {
  it('runs what npm start runs, by an absolute path', () => {
    expect(all('ExecStart')).toEqual([packageJson.scripts.start.replace(/^node /, '/usr/bin/node ')])
    expect(all('Type')).toEqual(['exec'])
  })

  it('gives secrets as files that systemd hands over', () => {
    const set = all('Environment').map((pair) => pair.split('='))
    const names = set.map(([name = '']) => name).filter((name) => !name.startsWith('NODE_'))
    expect(names.filter((name) => !variableNames.includes(name))).toEqual([])
    expect(names).toEqual(['DATABASE_URL_FILE', 'SMTP_URL_FILE'])
    const credentials = all('LoadCredential').map((credential) => credential.split(':')[0])
    expect(credentials.map((id) => `%d/${id}`)).toEqual(set.filter(([name]) => name?.endsWith('_FILE')).map(([, file]) => file))
  })

  it('keeps what Node compiles in the one folder that it may write', () => {
    expect(all('CacheDirectory')).toEqual(['kafka-worker'])
    expect(all('Environment')).toContain(`NODE_COMPILE_CACHE=%C/${all('CacheDirectory').join()}`)
  })

  it('lets a stop drain', () => {
    expect(all('KillSignal')).toEqual(['SIGTERM'])
    expect(seconds('TimeoutStopSec') * 1000).toBeGreaterThan(Number(variables.SHUTDOWN_GRACE_MS.default))
  })

  it('tries a start again forever while servers are away, and gives up on one that is refused at once', () => {
    expect(all('Restart')).toEqual(['on-failure'])
    const [interval, burst, pause] = [seconds('StartLimitIntervalSec'), seconds('StartLimitBurst'), seconds('RestartSec')]
    const waits = Number(variables.BOOT_TIMEOUT_MS.default) / 1000
    expect((pause + waits) * (burst - 1)).toBeGreaterThan(interval)
    // A machine that takes ten seconds to read the program is refused in time all the same.
    expect((pause + 10) * (burst - 1)).toBeLessThan(interval)
    const hint = /BOOT_TIMEOUT_MS below (\d+) s/.exec(readFileSync('config/systemd/kafka-worker.service', 'utf8'))?.[1]
    expect((pause + Number(hint)) * (burst - 1)).toBeGreaterThan(interval - burst * pause)
  })

  it('is hardened, but for what V8 needs', () => {
    const on = ['NoNewPrivileges', 'DynamicUser', 'PrivateTmp', 'PrivateDevices', 'ProtectHome', 'RestrictNamespaces', 'LockPersonality']
    expect(on.filter((name) => all(name).join() !== 'yes')).toEqual([])
    expect(all('ProtectSystem')).toEqual(['strict'])
    expect(all('CapabilityBoundingSet')).toEqual([''])
    expect(all('MemoryDenyWriteExecute')).toEqual([])
  })
})
