import type { Consumer } from 'kafkajs'

export interface PartitionControl {
  pause(partitions: readonly number[]): void
  resume(partitions: readonly number[]): void
  /** Where the next fetch of the partition begins. */
  seek(partition: number, offset: bigint): void
}

/** What a running consumer can be told of its partitions. While it does not run nothing happens: the next join sets everything anew. */
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
    // kafkajs has no group to act on before its first join, and between a crash and the event that tells of it.
    if (!(error instanceof Error && error.message.startsWith('Consumer group was not initialized'))) throw error
  }
}
