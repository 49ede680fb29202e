import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { KafkaUser } from './kafka-listeners.ts'
import { environment, jvm } from './kafka-node.ts'

/** Kafka's own tool, over a plain listener. kafkajs cannot do it. */
export async function setScramPassword(
  { java, jars, folder, port }: { readonly java: string; readonly jars: string; readonly folder: string; readonly port: number },
  { name, password }: KafkaUser,
): Promise<void> {
  const where = ['--bootstrap-server', `127.0.0.1:${port}`, '--entity-type', 'users', '--entity-name', name]
  // One after the other: Kafka alters a user once in a request.
  for (const mechanism of ['SCRAM-SHA-512', 'SCRAM-SHA-256']) {
    await promisify(execFile)(
      java,
      [...jvm({ folder, jars }), 'kafka.admin.ConfigCommand', ...where, '--alter', '--add-config', `${mechanism}=[password=${password}]`],
      environment(),
    )
  }
}
