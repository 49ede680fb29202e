import { patchAbortedRecords } from './aborted-records.ts'
import { registerCodecs } from './codecs.ts'
import { patchCoordinatorRefusals } from './coordinator-refusal.ts'
import { patchRecordSets } from './record-set.ts'
import { patchWorkerQueue } from './worker-queue.ts'

// The patches of everything that reads the log. Imported for its effect, once per process.
registerCodecs()
patchRecordSets()
patchAbortedRecords()
patchCoordinatorRefusals()
patchWorkerQueue()
