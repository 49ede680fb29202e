import { ConfigError, loadConfig, type Config } from '../../config/load.ts'
import type { Environment } from '../../config/read-variables.ts'
import { knownGroups } from '../../src/consumers/registry.ts'
import { parseSmtpUrl } from '../../src/infra/mail/smtp/smtp-url.ts'
import { asSentence, OperatorError } from '../../src/std/failure.ts'
import { mailGroups } from '../../src/daemon/compose/consumers.ts'

/** The configuration by which a daemon would start here, or all of its problems as sentences. Connects to nothing. */
export function readConfig(environment: Environment): { readonly config: Config | null; readonly problems: readonly string[] } {
  try {
    const config = loadConfig(environment, { ...knownGroups, mailGroups })
    // The mail path has further rules for its URL; they are checked here, before any connection is made.
    if (config.mail.smtpUrl !== undefined) parseSmtpUrl(config.mail.smtpUrl, config.mail)
    return { config, problems: [] }
  } catch (error) {
    if (error instanceof ConfigError) return { config: null, problems: error.problems }
    if (error instanceof OperatorError) return { config: null, problems: [asSentence(error.message)] }
    throw error
  }
}
