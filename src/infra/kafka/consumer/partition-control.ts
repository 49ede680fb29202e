import type { Consumer } from 'kafkajs'

export interface PartitionControl {
  pause(partitions: readonly number[]): void
  resume(partitions: readonly number[]): void
  /** Sets the offset of the next fetch of the partition. */
  seek(partition: number, offset: bigint): void
}

/** Controls the partitions of a running consumer. Calls are ignored while it is not running: the next join sets everything again. */
export function partitionControl(consumer: Consumer, topic: string): PartitionControl {
  return {
    pause: (partitions) => whileRunning(() => consumer.pause([{ topic, partitions: [...partitions] }])),
    resume: (partitions) => whileRunning(() => consumer.resume([{ topic, partitions: [...partitions] }])),
    seek: (partition, offset) => whileRunning(() => consumer.seek({ topic, partition, offset: String(offset) })),
  }
}

function whileRunning(act: () => void): void {
  try {
    act()
  } catch (error) {
    // kafkajs has no consumer group before its first join, and between a crash and its crash event.
    if (!(error instanceof Error && error.message.startsWith('Consumer group was not initialized'))) throw error
  }
}
