import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Kafka 4 brokers need Java 17; the dependency plugin in pom.xml needs Maven 3.6.3. */
const oldestJava = 17
const oldestMaven = [3, 6] as const

/**
 * The `java` command: of JAVA_HOME when that is set, else of PATH.
 *
 * @throws one sentence that names what to install when it is missing or older than 17
 */
export async function requireJava(): Promise<string> {
  const home = process.env['JAVA_HOME']
  const java = home ? join(home, 'bin', 'java') : 'java'
  const where = home ? 'in JAVA_HOME' : 'in PATH'
  const major = majorIn(await outputOf(java, '-version', `Java ${where}`, 'a Java runtime 17 or newer (a JDK or JRE)'))
  if (major < oldestJava) {
    throw new Error(
      `Java ${where} is version ${major || 'unknown'}, but the local Kafka broker needs 17 or newer: install a newer JDK or JRE.`,
    )
  }
  return java
}

/** Of `openjdk version "17.0.15" 2025-04-15`, which `java -version` writes to standard error, or of "1.8.0_402" before Java 9. */
function majorIn(output: string): number {
  return Number(/version "(?:1\.)?(\d+)/.exec(output)?.[1] ?? 0)
}

/**
 * A `java` command of this version or newer: of JAVA_HOME or another variable whose name begins so, of PATH, or of a runtime that is installed
 * beside the one of PATH.
 *
 * @throws one sentence that names what to install when there is none
 */
export async function requireNewerJava(oldest: number, program: string): Promise<string> {
  const homes = Object.entries(process.env).flatMap(([name, home]) => (name.startsWith('JAVA_HOME') && home ? [home] : []))
  for (const home of [...homes, ...(await installedHomes())]) {
    const java = join(home, 'bin', 'java')
    if (!existsSync(java)) continue
    const output = await outputOf(java, '-version', `Java in ${home}`, 'it again').catch(() => '')
    if (majorIn(output) >= oldest) return java
  }
  throw new Error(
    `${program} needs Java ${oldest} or newer, which was not found: install a JDK or JRE, and name its folder in JAVA_HOME_${oldest}.`,
  )
}

/** The home of the `java` of PATH, and those in the folder that holds it. */
async function installedHomes(): Promise<readonly string[]> {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'java'))
    .find((path) => existsSync(path))
  if (found === undefined) return []
  const home = dirname(dirname(await realpath(found)))
  const beside = await readdir(dirname(home))
  return [home, ...beside.toSorted().map((name) => join(dirname(home), name))]
}

/**
 * The `mvn` command of PATH.
 *
 * @throws one sentence that names what to install when it is missing or older than 3.6
 */
export async function requireMaven(): Promise<string> {
  const output = await outputOf('mvn', '-v', 'Maven (mvn) in PATH', 'Apache Maven 3.6.3 or newer, needed once to fetch the Kafka broker')
  const found = /Apache Maven (\d+)\.(\d+)/.exec(output)
  const [major, minor] = [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0)]
  if (major < oldestMaven[0] || (major === oldestMaven[0] && minor < oldestMaven[1])) {
    throw new Error(`Maven (mvn) in PATH is older than 3.6.3 or does not say its version: install Apache Maven 3.6.3 or newer.`)
  }
  return 'mvn'
}

async function outputOf(command: string, flag: string, thing: string, remedy: string): Promise<string> {
  try {
    const { stdout, stderr } = await run(command, [flag], { timeout: 30_000 })
    return `${stdout}${stderr}`
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    throw new Error(`${thing} ${missing ? 'was not found' : 'does not run'}: install ${remedy}.`, { cause })
  }
}
