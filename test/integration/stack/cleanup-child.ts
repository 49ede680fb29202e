// A program that starts the stack and says what it started; the test decides how it ends.
import { startLocalStack } from '../../../stack/local-stack.ts'
import { identifyProcess } from '../../../stack/process-identity.ts'

const stack = await startLocalStack()
const pids = [...stack.kafka.brokers.map((broker) => broker.pid()), stack.postgres.pid()]
const processes = pids.map((pid) => identifyProcess(pid ?? 0))
process.stdout.write(`${JSON.stringify({ processes, folders: [stack.postgres.dataDir], ports: [stack.smtp.port, stack.webhooks.port] })}\n`)

const [ending] = process.argv.slice(2)
if (ending === 'exit') process.exit(0)
if (ending === 'stop') await stack.stop()
// Without an ending of its own it waits to be killed: the sinks keep it alive.
